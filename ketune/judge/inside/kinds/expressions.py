"""Bits and registers, and classical expressions of them."""

import uuid
from typing import Any

from qiskit.circuit import (
    AncillaQubit,
    AncillaRegister,
    ClassicalRegister,
    Clbit,
    Duration,
    QuantumRegister,
    Qubit,
)
from qiskit.circuit.classical import expr, types

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.wire import Node, Refused

QUBITS = (Qubit, AncillaQubit)
_MAX_SIZE = 1_000_000
REGISTERS = {
    QuantumRegister: (Qubit, AncillaQubit),
    AncillaRegister: (AncillaQubit,),
    ClassicalRegister: (Clbit,),
}
_UNITS = ("dt", "ps", "ns", "us", "ms", "s")
_BINARY = {op.name: op for op in expr.Binary.Op}
_UNARY = {op.name: op for op in expr.Unary.Op}
EXPRESSIONS = (
    *(expr.Var, expr.Value, expr.Cast, expr.Unary, expr.Binary, expr.Index, expr.Stretch),
)


def _bit(cls: type) -> Kind:
    def make(decoder: Decoder, register: Node, index: Node) -> Any:
        if register is None:
            return cls()
        owner = decoder.of(register, *REGISTERS)
        return owner[decoder.integer(index, 0, _MAX_SIZE)]

    return Kind(
        cls.__name__,
        (cls,),
        lambda bit, encoder: (
            [None, 0] if bit._register is None else [encoder.part(bit._register), bit._index]
        ),
        make,
    )


def _register(cls: Any) -> Kind:
    def take(register: Any, encoder: Encoder) -> list[Node]:
        if register == cls(len(register), register.name):
            return [register.name, len(register), None]
        return [register.name, 0, encoder.parts(register)]

    def make(decoder: Decoder, name: Node, size: Node, bits: Node) -> Any:
        if bits is None:
            return cls(decoder.integer(size, 0, _MAX_SIZE), decoder.text(name))
        owned = [decoder.of(bit, *REGISTERS[cls]) for bit in decoder.bare(bits)]
        return cls(name=decoder.text(name), bits=owned)

    return Kind(cls.__name__, (cls,), take, make)


def _take_type(value: Any) -> Node:
    return [type(value).__name__, getattr(value, "width", 0)]


def _make_type(decoder: Decoder, node: Node) -> Any:
    name, width = decoder.bare(node)
    if name == "Uint":
        return types.Uint(decoder.integer(width, 1, 1 << 16))
    return getattr(types, decoder.choice(name, ("Bool", "Float", "Duration")))()


def _expression(decoder: Decoder, node: Node) -> Any:
    return decoder.of(node, *EXPRESSIONS)


def _take_var(value: Any, encoder: Encoder) -> list[Node]:
    standalone = value.var.hex if isinstance(value.var, uuid.UUID) else None
    target = None if standalone else encoder.part(value.var)
    return [standalone, target, _take_type(value.type), value.name]


def _make_var(decoder: Decoder, number: Node, target: Node, kind: Node, name: Node) -> Any:
    if number is None:
        return expr.Var(decoder.of(target, Clbit, ClassicalRegister), _make_type(decoder, kind))
    unique = uuid.UUID(hex=decoder.text(number))
    return expr.Var(unique, _make_type(decoder, kind), name=decoder.text(name))


def _take_value(value: Any, encoder: Encoder) -> list[Node]:
    return [encoder.part(value.value), _take_type(value.type)]


def _make_value(decoder: Decoder, value: Node, kind: Node) -> Any:
    of = _make_type(decoder, kind)
    wanted = {types.Bool: bool, types.Uint: int, types.Float: float, types.Duration: Duration}
    return expr.Value(decoder.of(value, wanted[type(of)]), of)


def _operation(cls: Any, operations: dict[str, Any], *operands: str) -> Kind:
    def make(decoder: Decoder, name: Node, parts: Node, kind: Node) -> Any:
        values = [_expression(decoder, part) for part in decoder.bare(parts)]
        if len(values) != len(operands):
            raise Refused(f"{len(values)} operands")
        operation = operations[decoder.choice(name, operations)]
        return cls(operation, *values, _make_type(decoder, kind))

    return Kind(
        cls.__name__,
        (cls,),
        lambda value, encoder: [
            value.op.name,
            [encoder.part(getattr(value, name)) for name in operands],
            _take_type(value.type),
        ],
        make,
    )


def _make_cast(decoder: Decoder, operand: Node, kind: Node, implicit: Node) -> Any:
    return expr.Cast(
        _expression(decoder, operand), _make_type(decoder, kind), implicit=decoder.flag(implicit)
    )


def _make_index(decoder: Decoder, target: Node, index: Node, kind: Node) -> Any:
    return expr.Index(
        _expression(decoder, target), _expression(decoder, index), _make_type(decoder, kind)
    )


def _make_duration(decoder: Decoder, unit: Node, value: Node) -> Any:
    make = getattr(Duration, decoder.choice(unit, _UNITS))
    return make(decoder.integer(value) if unit == "dt" else decoder.real(value))


_DURATIONS = tuple({Duration, *(type(getattr(Duration, unit)(1)) for unit in _UNITS)})

KINDS = [
    *map(_bit, (Qubit, AncillaQubit, Clbit)),
    *map(_register, REGISTERS),
    Kind("Var", (expr.Var,), _take_var, _make_var),
    Kind("Value", (expr.Value,), _take_value, _make_value),
    _operation(expr.Unary, _UNARY, "operand"),
    _operation(expr.Binary, _BINARY, "left", "right"),
    Kind(
        "Cast",
        (expr.Cast,),
        lambda value, encoder: [
            encoder.part(value.operand),
            _take_type(value.type),
            bool(value.implicit),
        ],
        _make_cast,
    ),
    Kind(
        "Index",
        (expr.Index,),
        lambda value, encoder: [
            encoder.part(value.target),
            encoder.part(value.index),
            _take_type(value.type),
        ],
        _make_index,
    ),
    Kind(
        "Stretch",
        (expr.Stretch,),
        lambda value, _: [value.var.hex, value.name],
        lambda decoder, number, name: expr.Stretch(
            uuid.UUID(hex=decoder.text(number)), decoder.text(name)
        ),
    ),
    Kind(
        "Duration",
        _DURATIONS,
        lambda value, _: [value.unit(), value.value()],
        _make_duration,
    ),
]
