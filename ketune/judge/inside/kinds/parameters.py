"""Parameters of circuits and expressions of them."""

import uuid
from typing import Any

from qiskit.circuit import Parameter, ParameterExpression, ParameterVector
from qiskit.circuit.parametertable import ParameterView
from qiskit.circuit.parametervector import ParameterVectorElement

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.wire import Node, Refused

_MAX_LENGTH = 1_000_000
# Steps of an expression, by the method of its left operand; which take a right one.
_BINARY = {
    "ADD": "__add__",
    "SUB": "__sub__",
    "MUL": "__mul__",
    "DIV": "__truediv__",
    "POW": "__pow__",
    "RSUB": "__rsub__",
    "RDIV": "__rtruediv__",
    "RPOW": "__rpow__",
}
_UNARY = {
    "SIN": "sin",
    "COS": "cos",
    "TAN": "tan",
    "ASIN": "arcsin",
    "ACOS": "arccos",
    "ATAN": "arctan",
    "EXP": "exp",
    "LOG": "log",
    "ABS": "abs",
    "SIGN": "sign",
    "CONJ": "conjugate",
}
SYMBOLS = (Parameter, ParameterVectorElement)
EXPRESSIONS = (*SYMBOLS, ParameterExpression)


def _uuid(decoder: Decoder, number: Node) -> uuid.UUID:
    return uuid.UUID(hex=decoder.text(number))


def _make_vector(decoder: Decoder, name: Node, length: Node, root: Node) -> ParameterVector:
    vector = ParameterVector(decoder.text(name), 0)
    vector._root_uuid = _uuid(decoder, root)
    first = vector._root_uuid.int
    vector._params = [
        ParameterVectorElement(vector, i, uuid.UUID(int=first + i))
        for i in range(decoder.integer(length, 0, _MAX_LENGTH))
    ]
    return vector


def _take_element(value: Any, encoder: Encoder) -> list[Node]:
    return [encoder.part(value.vector), value.index, value.uuid.hex]


def _make_element(decoder: Decoder, vector: Node, index: Node, number: Node) -> Any:
    owner = decoder.of(vector, ParameterVector)
    place = decoder.integer(index, 0, _MAX_LENGTH)
    if place < len(owner) and owner[place].uuid.hex == number:
        return owner[place]
    return ParameterVectorElement(owner, place, _uuid(decoder, number))


def _take_expression(value: Any, encoder: Encoder) -> list[Node]:
    if not value.parameters:
        return [[["", encoder.part(value.numeric()), None]]]
    steps = []
    for step in value._qpy_replay:
        name = step.op.__str__().rpartition(".")[2]
        if name not in _BINARY and name not in _UNARY:
            raise Unencodable(f"an expression with {name}")
        steps.append([name, encoder.part(step.lhs), encoder.part(step.rhs)])
    return [steps]


def _make_expression(decoder: Decoder, steps: Node) -> Any:
    """What the steps come to, on a stack: an operand that a step does not name is taken from it
    (`qiskit.qpy`, version 13 and later, writes expressions so)."""
    stack: list[Any] = []
    for step in decoder.bare(steps):
        name, *operands = decoder.bare(step)
        for operand in operands:
            if operand is not None:
                stack.append(parameter(decoder, operand))
        if name == "":
            stack.append(_expression(stack.pop()))
            continue
        right = stack.pop() if decoder.text(name) in _BINARY else None
        left = _expression(stack.pop())
        result = (
            getattr(left, _BINARY[name])(right)
            if name in _BINARY
            else getattr(left, _UNARY[decoder.choice(name, _UNARY)])()
        )
        if type(result) not in EXPRESSIONS:
            raise Refused("an expression that comes to none")
        if not result.parameters and not abs(result.numeric()) < float("inf"):
            raise Refused("an expression that comes to no finite number")
        stack.append(result)
    (result,) = stack
    return result


def _expression(value: Any) -> Any:
    return value if isinstance(value, ParameterExpression) else ParameterExpression._Value(value)


def parameter(decoder: Decoder, node: Node) -> Any:
    """A finite number or an expression of parameters."""
    value = decoder.decode(node)
    if type(value) in EXPRESSIONS:
        return value
    if type(value) in (int, float, complex) and abs(value) < float("inf"):
        return value
    raise Refused(f"a {type(value).__name__} for a parameter")


KINDS = [
    Kind(
        "Parameter",
        (Parameter,),
        lambda value, _: [value.name, value.uuid.hex],
        lambda decoder, name, number: Parameter(decoder.text(name), uuid=_uuid(decoder, number)),
    ),
    Kind(
        "ParameterVector",
        (ParameterVector,),
        lambda value, _: [value.name, len(value), value._root_uuid.hex],
        _make_vector,
    ),
    Kind("ParameterVectorElement", (ParameterVectorElement,), _take_element, _make_element),
    Kind("ParameterExpression", EXPRESSIONS[-1:], _take_expression, _make_expression),
    Kind(
        "ParameterView",
        (ParameterView,),
        lambda value, encoder: [encoder.parts(value.data)],
        lambda decoder, nodes: ParameterView(
            [decoder.of(node, *SYMBOLS) for node in decoder.bare(nodes)]
        ),
    ),
]
