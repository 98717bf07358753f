"""Instructions that are no gates: measurement, reset, delay, and control flow."""

from typing import Any

from qiskit.circuit import (
    BreakLoopOp,
    ClassicalRegister,
    Clbit,
    ContinueLoopOp,
    Delay,
    ForLoopOp,
    IfElseOp,
    Measure,
    QuantumCircuit,
    Reset,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.controlflow import CASE_DEFAULT, BoxOp

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.kinds.expressions import EXPRESSIONS
from ketune.judge.inside.kinds.gates import MAX_QUBITS, label, plain, singletons
from ketune.judge.inside.kinds.parameters import SYMBOLS, parameter
from ketune.judge.inside.wire import Node


def _take_delay(value: Any, encoder: Encoder) -> list[Node]:
    return [encoder.part(plain(value.params[0])), value.unit]


def _make_delay(decoder: Decoder, duration: Node, unit: Node) -> Delay:
    value = decoder.decode(duration)
    if type(value) not in EXPRESSIONS:
        value = parameter(decoder, duration)
    return Delay(value, decoder.choice(unit, ("dt", "ps", "ns", "us", "ms", "s", "expr")))


# Control flow. A condition is an expression, or a bit or register and its value.


def _take_condition(value: Any, encoder: Encoder) -> Node:
    if isinstance(value, tuple):
        return ["equals", encoder.part(value[0]), int(value[1])]
    return ["holds", encoder.part(value), 0]


def _make_condition(decoder: Decoder, node: Node) -> Any:
    name, target, value = decoder.bare(node)
    if decoder.choice(name, ("equals", "holds")) == "holds":
        return decoder.of(target, *EXPRESSIONS)
    return decoder.of(target, Clbit, ClassicalRegister), decoder.integer(value)


def _block(decoder: Decoder, node: Node) -> QuantumCircuit:
    circuit: QuantumCircuit = decoder.of(node, QuantumCircuit)
    return circuit


def _make_if(decoder: Decoder, condition: Node, yes: Node, no: Node, text: Node) -> IfElseOp:
    return IfElseOp(
        _make_condition(decoder, condition),
        _block(decoder, yes),
        decoder.optional(lambda node: _block(decoder, node), no),
        label(decoder, text),
    )


def _take_if(value: Any, encoder: Encoder) -> list[Node]:
    yes, no = (*value.params, None)[:2]
    return [
        _take_condition(value.condition, encoder),
        encoder.part(yes),
        encoder.part(no),
        value.label,
    ]


def _take_for(value: Any, encoder: Encoder) -> list[Node]:
    indexes, variable, body = value.params
    if isinstance(indexes, range):
        node = ["range", indexes.start, indexes.stop, indexes.step]
    else:
        node = ["list", *map(int, indexes)]
    return [node, encoder.part(variable), encoder.part(body), value.label]


def _make_for(decoder: Decoder, indexes: Node, variable: Node, body: Node, text: Node) -> ForLoopOp:
    name, *bounds = decoder.bare(indexes)
    values = [decoder.integer(bound, -(1 << 62)) for bound in bounds]
    decoder.choice(name, ("range", "list"))
    symbol = decoder.optional(lambda node: decoder.of(node, *SYMBOLS), variable)
    return ForLoopOp(
        range(*values) if name == "range" else tuple(values),
        symbol,
        _block(decoder, body),
        label(decoder, text),
    )


def _take_switch(value: Any, encoder: Encoder) -> list[Node]:
    cases = [
        [
            [None if case is CASE_DEFAULT else encoder.part(plain(case)) for case in values],
            encoder.part(block),
        ]
        for values, block in value.cases_specifier()
    ]
    return [encoder.part(value.target), cases, value.label]


def _make_switch(decoder: Decoder, target: Node, cases: Node, text: Node) -> SwitchCaseOp:
    made = []
    for case in decoder.bare(cases):
        values, block = decoder.bare(case)
        keys = [
            CASE_DEFAULT if key is None else decoder.of(key, int, bool)
            for key in decoder.bare(values)
        ]
        made.append((tuple(keys), _block(decoder, block)))
    subject = decoder.of(target, Clbit, ClassicalRegister, *EXPRESSIONS)
    return SwitchCaseOp(subject, made, label=label(decoder, text))


def _take_box(value: Any, encoder: Encoder) -> list[Node]:
    if value.annotations:
        raise Unencodable("a box with annotations")
    duration = value.duration
    return [encoder.part(value.body), encoder.part(plain(duration)), value.unit, value.label]


def _make_box(decoder: Decoder, body: Node, duration: Node, unit: Node, text: Node) -> BoxOp:
    value = decoder.decode(duration)
    if value is not None and type(value) not in EXPRESSIONS:
        value = decoder.real(duration)
    units = ("dt", "ps", "ns", "us", "ms", "s", "expr")
    return BoxOp(
        _block(decoder, body),
        value,
        decoder.optional(decoder.choice, unit, units),
        label(decoder, text),
    )


def _loop_exit(cls: Any) -> Kind:
    return Kind(
        cls.__name__,
        (cls,),
        lambda value, _: [value.num_qubits, value.num_clbits, value.label],
        lambda decoder, qubits, clbits, text: cls(
            decoder.integer(qubits, 0, MAX_QUBITS),
            decoder.integer(clbits, 0, MAX_QUBITS),
            label=label(decoder, text),
        ),
    )


KINDS = [
    Kind(
        "Measure",
        singletons(Measure),
        lambda value, _: [value.label],
        lambda decoder, text: Measure(label=label(decoder, text)),
    ),
    Kind(
        "Reset",
        singletons(Reset),
        lambda value, _: [value.label],
        lambda decoder, text: Reset(label=label(decoder, text)),
    ),
    Kind("Delay", (Delay,), _take_delay, _make_delay),
    Kind("IfElseOp", (IfElseOp,), _take_if, _make_if),
    Kind(
        "WhileLoopOp",
        (WhileLoopOp,),
        lambda value, encoder: [
            _take_condition(value.condition, encoder),
            encoder.part(value.params[0]),
            value.label,
        ],
        lambda decoder, condition, body, text: WhileLoopOp(
            _make_condition(decoder, condition), _block(decoder, body), label(decoder, text)
        ),
    ),
    Kind("ForLoopOp", (ForLoopOp,), _take_for, _make_for),
    Kind("SwitchCaseOp", (SwitchCaseOp,), _take_switch, _make_switch),
    Kind("BoxOp", (BoxOp,), _take_box, _make_box),
    *map(_loop_exit, (BreakLoopOp, ContinueLoopOp)),
]
