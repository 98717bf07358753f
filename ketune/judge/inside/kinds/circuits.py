"""Circuits, in bulk: a table of distinct operations, and arrays of which is where.

Half a million gates are so two arrays of numbers and a table of a few lines.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from qiskit.circuit import CircuitInstruction, Clbit, Operation, QuantumCircuit
from qiskit.circuit.classical import expr
from qiskit.circuit.instructionset import InstructionSet
from qiskit.circuit.library import BlueprintCircuit
from qiskit.circuit.quantumcircuitdata import QuantumCircuitData
from qiskit.converters import circuit_to_dag, dag_to_circuit
from qiskit.dagcircuit import DAGCircuit, DAGInNode, DAGOpNode, DAGOutNode
from qiskit.transpiler.layout import Layout, TranspileLayout
from qiskit.visualization.circuit.text import TextDrawing

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.kinds.expressions import QUBITS, REGISTERS
from ketune.judge.inside.kinds.gates import STANDARD, label
from ketune.judge.inside.kinds.parameters import parameter
from ketune.judge.inside.opaque import Unjudgeable
from ketune.judge.inside.wire import Node, Refused

_SHARED = {"measure", "reset", "barrier"}  # operations that their name, width and label make alike
_UNITS = ("dt", "ps", "ns", "us", "ms", "s")
_WIRES = (*QUBITS, Clbit)


def _take_circuit(value: Any, encoder: Encoder) -> list[Node]:
    if isinstance(value, BlueprintCircuit) and not value._is_built:
        value._build()
    data = value._data
    return [
        str(value.name),
        encoder.parts(data.qubits),
        encoder.parts(data.clbits),
        encoder.parts([*value.qregs, *value.cregs]),
        encoder.part(_plain(value.global_phase)),
        encoder.encode(value.metadata),
        [
            encoder.parts([*variables])
            for variables in (
                value.iter_input_vars(),
                [*value.iter_captured_vars(), *value.iter_captured_stretches()],
                value.iter_declared_vars(),
                value.iter_declared_stretches(),
            )
        ],
        *_take_operations(data, encoder),
        encoder.part(value._layout),
        [encoder.part(_plain(value._duration)), value._unit],
        None if value._op_start_times is None else [int(t) for t in value._op_start_times],
    ]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _take_operations(data: Any, encoder: Encoder) -> list[Node]:
    """The table, and for each instruction its line, then the qubits, clbits and plain parameters of
    all, one after another, how many being known from the line."""
    qubits = {bit: place for place, bit in enumerate(data.qubits)}
    clbits = {bit: place for place, bit in enumerate(data.clbits)}
    table: list[Node] = []
    known: dict[Any, int] = {}
    lines, wires, bits, numbers = [], [], [], []
    for instruction in data:
        standard = instruction.is_standard_gate()
        name, params = instruction.name, instruction.params
        key: Any = None
        if standard and all(type(param) is float for param in params):
            key = (name, instruction.label)
            numbers += params
        elif name in _SHARED and not instruction.is_parameterized():
            kind = type(instruction.operation)
            key = (kind, len(instruction.qubits), len(instruction.clbits), instruction.label)
        line = None if key is None else known.get(key)
        if line is None:
            line = len(table)
            if key is not None:
                known[key] = line
            if standard and key is not None:
                table.append(["n", name, instruction.label])
            elif standard:
                nodes = [encoder.part(_plain(param)) for param in params]
                table.append(["s", name, nodes, instruction.label])
            else:
                node = encoder.part(instruction.operation)
                table.append(["o", node, len(instruction.qubits), len(instruction.clbits)])
        lines.append(line)
        wires += [qubits[bit] for bit in instruction.qubits]
        if instruction.clbits:
            bits += [clbits[bit] for bit in instruction.clbits]
    arrays = [np.array(part, "<i4") for part in (lines, wires, bits)]
    return [table, *map(encoder.array, arrays), encoder.array(np.array(numbers, "<f8"))]


def _make_circuit(
    decoder: Decoder,
    name: Node,
    qubits: Node,
    clbits: Node,
    registers: Node,
    phase: Node,
    metadata: Node,
    variables: Node,
    table: Node,
    lines: Node,
    wires: Node,
    bits: Node,
    numbers: Node,
    layout: Node,
    duration: Node,
    starts: Node,
) -> QuantumCircuit:
    inputs, captures, declared, stretches = (
        [decoder.of(node, expr.Var, expr.Stretch) for node in decoder.bare(part)]
        for part in decoder.bare(variables)
    )
    circuit = QuantumCircuit(
        name=decoder.text(name),
        global_phase=parameter(decoder, phase),
        metadata=decoder.of(metadata, dict, type(None)),
        inputs=inputs,
        captures=captures,
    )
    circuit.add_bits([decoder.of(node, *QUBITS) for node in decoder.bare(qubits)])
    circuit.add_bits([decoder.of(node, Clbit) for node in decoder.bare(clbits)])
    for node in decoder.bare(registers):
        circuit.add_register(decoder.of(node, *REGISTERS))
    if (circuit.num_qubits, circuit.num_clbits) != (len(qubits), len(clbits)):
        raise Refused("a circuit whose registers hold other bits")
    for variable in declared:
        circuit.add_uninitialized_var(variable)
    for stretch in stretches:
        circuit.add_stretch(stretch)
    circuit._data.extend(_instructions(decoder, circuit, table, (lines, wires, bits), numbers))
    circuit._layout = decoder.optional(decoder.of, layout, TranspileLayout)
    length, unit = decoder.bare(duration)
    circuit._duration = decoder.optional(decoder.real, length)
    circuit._unit = decoder.choice(unit, _UNITS)
    if starts is not None:
        circuit._op_start_times = [decoder.integer(time) for time in decoder.bare(starts)]
        if len(circuit._op_start_times) != len(circuit._data):
            raise Refused("start times of other instructions")
    return circuit


def _instructions(
    decoder: Decoder, circuit: QuantumCircuit, table: Node, streams: tuple[Node, ...], floats: Node
) -> list[CircuitInstruction]:
    """Checked: CircuitData, which they go to, counts neither wires nor parameters."""
    entries = [_entry(decoder, node) for node in decoder.bare(table)]
    order, qubits, clbits = (decoder.numbers(part, "<i4", 1).tolist() for part in streams)
    params = decoder.numbers(floats, "<f8", 1).tolist()
    own, classical = circuit.qubits, circuit.clbits
    for places, size in ((order, len(entries)), (qubits, len(own)), (clbits, len(classical))):
        if places and not 0 <= min(places) <= max(places) < size:
            raise Refused("an instruction on a bit that is not there")
    found: dict[Any, CircuitInstruction] = {}
    made: list[CircuitInstruction] = []
    first = second = third = 0
    for line in order:
        width, depth, count, build = entries[line]
        key = line, *qubits[first : first + width], *clbits[second : second + depth]
        instruction = None if count else found.get(key)
        if instruction is None:
            wires = qubits[first : first + width]
            bits = clbits[second : second + depth]
            if len(set(wires)) != width or len(set(bits)) != depth:
                raise Refused("an instruction on the same bit twice")
            values = params[third : third + count]
            if len(values) != count:
                raise Refused("an instruction without its parameters")
            instruction = build(
                tuple([own[place] for place in wires]),
                tuple([classical[place] for place in bits]),
                values,
            )
            if not count:
                found[key] = instruction
        made.append(instruction)
        first, second, third = first + width, second + depth, third + count
    if (first, second, third) != (len(qubits), len(clbits), len(params)):
        raise Refused("instructions on another number of bits")
    return made


def _entry(decoder: Decoder, node: Node) -> Any:
    """How many qubits, clbits and plain parameters a line of the table takes, and what makes its
    instruction."""
    kind, first, *rest = decoder.bare(node)
    if decoder.choice(kind, ("n", "s", "o")) == "o":
        operation = decoder.decode(first)
        if not isinstance(operation, Operation):
            raise Refused(f"a {type(operation).__name__} for an operation")
        if [operation.num_qubits, operation.num_clbits] != rest:
            raise Refused("an operation on another number of bits")
        return *rest, 0, lambda qubits, bits, _: CircuitInstruction(operation, qubits, bits)
    gate, make = STANDARD[decoder.choice(first, STANDARD)], CircuitInstruction.from_standard
    name = label(decoder, rest[-1])
    if kind == "n":
        count = gate.num_params
        return gate.num_qubits, 0, count, lambda qubits, _, params: make(gate, qubits, params, name)
    values = [parameter(decoder, param) for param in decoder.bare(rest[0])]
    if len(values) != gate.num_params:
        raise Refused(f"{first} of {len(values)} parameters")
    return gate.num_qubits, 0, 0, lambda qubits, _, __: make(gate, qubits, values, name)


def _make_instruction(
    decoder: Decoder, operation: Node, qubits: Node, clbits: Node
) -> CircuitInstruction:
    made = decoder.decode(operation)
    if not isinstance(made, Operation):
        raise Refused(f"a {type(made).__name__} for an operation")
    wires = [decoder.of(node, *QUBITS) for node in decoder.bare(qubits)]
    bits = [decoder.of(node, Clbit) for node in decoder.bare(clbits)]
    if (len(wires), len(bits)) != (made.num_qubits, made.num_clbits):
        raise Refused("an operation on another number of bits")
    return CircuitInstruction(made, wires, bits)


def _make_dag(decoder: Decoder, circuit: Node) -> DAGCircuit:
    return circuit_to_dag(decoder.of(circuit, QuantumCircuit))


def _update_dag(existing: Any, fresh: Any) -> None:
    for node in existing.op_nodes():
        existing.remove_op_node(node)
    existing.add_qubits([bit for bit in fresh.qubits if bit not in existing.qubits])
    existing.add_clbits([bit for bit in fresh.clbits if bit not in existing.clbits])
    for name, register in fresh.qregs.items():
        if name not in existing.qregs:
            existing.add_qreg(register)
    for name, register in fresh.cregs.items():
        if name not in existing.cregs:
            existing.add_creg(register)
    for node in fresh.topological_op_nodes():
        existing.apply_operation_back(node.op, node.qargs, node.cargs)
    existing.global_phase, existing.metadata = fresh.global_phase, fresh.metadata
    existing.name = fresh.name


def _take_node(value: Any, encoder: Encoder) -> list[Node]:
    return [encoder.part(value.op), encoder.parts(value.qargs), encoder.parts(value.cargs)]


def _make_node(decoder: Decoder, operation: Node, qubits: Node, clbits: Node) -> DAGOpNode:
    made = _make_instruction(decoder, operation, qubits, clbits)
    return DAGOpNode(made.operation, made.qubits, made.clbits)


def _end(cls: Any) -> Kind:
    return Kind(
        cls.__name__,
        (cls,),
        lambda value, encoder: [encoder.part(value.wire)],
        lambda decoder, wire: cls(decoder.of(wire, *_WIRES, expr.Var, expr.Stretch)),
    )


def _take_layout(value: Any, encoder: Encoder) -> list[Node]:
    return [
        [[encoder.part(bit), place] for bit, place in value.get_virtual_bits().items()],
        encoder.parts(value.get_registers()),
    ]


def _make_layout(decoder: Decoder, pairs: Node, registers: Node) -> Layout:
    layout = Layout(
        {decoder.of(bit, *_WIRES): decoder.integer(place) for bit, place in decoder.bare(pairs)}
    )
    for node in decoder.bare(registers):
        layout.add_register(decoder.of(node, *REGISTERS))
    return layout


def _take_transpiled(value: Any, encoder: Encoder) -> list[Node]:
    mapping = value.input_qubit_mapping
    outputs = value._output_qubit_list
    if set(map(type, mapping)) - set(QUBITS):
        raise Unencodable("a layout of something else than qubits")
    return [
        encoder.part(value.initial_layout),
        [[encoder.part(bit), place] for bit, place in mapping.items()],
        encoder.part(value.final_layout),
        value._input_qubit_count,
        None if outputs is None else encoder.parts(outputs),
    ]


def _make_transpiled(
    decoder: Decoder, initial: Node, mapping: Node, final: Node, count: Node, outputs: Node
) -> TranspileLayout:
    return TranspileLayout(
        decoder.of(initial, Layout),
        {decoder.of(bit, *QUBITS): decoder.integer(place) for bit, place in decoder.bare(mapping)},
        decoder.optional(decoder.of, final, Layout),
        decoder.optional(decoder.integer, count),
        decoder.optional(
            lambda nodes: [decoder.of(node, *QUBITS) for node in decoder.bare(nodes)], outputs
        ),
    )


def _make_set(decoder: Decoder, nodes: Node) -> InstructionSet:
    made = InstructionSet()
    for node in decoder.bare(nodes):
        made.add(decoder.of(node, CircuitInstruction))
    return made


class Drawing(TextDrawing):  # type: ignore[misc]
    """The text of a drawing, without what drew it."""

    def __init__(self, text: str, report: Callable[[str], None]) -> None:
        self._single_string, self.encoding, self._report = text, "utf-8", report

    def lines(self, line_length: int | None = None) -> list[str]:
        """Its lines. Raises Unjudgeable where they should have another length."""
        if line_length is not None:
            self._report("the lines of a drawing in another width")
            raise Unjudgeable("the lines of a drawing in another width")
        return self._single_string.split("\n")


KINDS = [
    Kind(
        "QuantumCircuitData",
        (QuantumCircuitData,),
        lambda value, encoder: [encoder.part(value._circuit)],
        lambda decoder, circuit: decoder.of(circuit, QuantumCircuit).data,
    ),
    Kind(
        "InstructionSet",
        (InstructionSet,),
        lambda value, encoder: [encoder.parts([value[i] for i in range(len(value))])],
        _make_set,
    ),
    Kind(
        "TextDrawing",
        (TextDrawing,),
        lambda value, _: [value.single_string()],
        lambda decoder, text: Drawing(decoder.text(text), decoder.report),
        results=(Drawing,),
    ),
    Kind("circuit", (QuantumCircuit,), _take_circuit, _make_circuit),
    Kind(
        "CircuitInstruction",
        (CircuitInstruction,),
        lambda value, encoder: [
            encoder.part(value.operation),
            encoder.parts(value.qubits),
            encoder.parts(value.clbits),
        ],
        _make_instruction,
    ),
    Kind(
        "DAGCircuit",
        (DAGCircuit,),
        lambda value, encoder: [encoder.part(dag_to_circuit(value))],
        _make_dag,
        _update_dag,
    ),
    Kind("DAGOpNode", (DAGOpNode,), _take_node, _make_node),
    *map(_end, (DAGInNode, DAGOutNode)),
    Kind("Layout", (Layout,), _take_layout, _make_layout),
    Kind("TranspileLayout", (TranspileLayout,), _take_transpiled, _make_transpiled),
]
