"""Gates.

A class of Qiskit's own is made by its constructor from plain arguments. Every other gate, of the
program's own class too, crosses as what it does: its name, parameters and definition, a circuit;
of a gate that has a matrix alone, that matrix is the definition.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from qiskit._accelerate.circuit import StandardGate
from qiskit.circuit import (
    AnnotatedOperation,
    Barrier,
    ControlledGate,
    ControlModifier,
    Gate,
    Instruction,
    InverseModifier,
    Operation,
    PowerModifier,
    QuantumCircuit,
    Store,
    library,
)
from qiskit.quantum_info import Operator, Pauli, SparseObservable, SparsePauliOp
from qiskit.synthesis import LieTrotter, QDrift, SuzukiTrotter

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.kinds.expressions import EXPRESSIONS
from ketune.judge.inside.kinds.parameters import EXPRESSIONS as FORMULAS
from ketune.judge.inside.kinds.parameters import parameter
from ketune.judge.inside.wire import Node, Refused

STANDARD: dict[str, Any] = {gate.name: gate for gate in StandardGate.all_gates()}
_STANDARD_CLASSES = {gate.gate_class.__name__: gate.gate_class for gate in STANDARD.values()}
MAX_QUBITS = 10_000
# What makes a subclass another gate than its base.
_BEHAVIOUR = ("_define", "__array__", "definition")
_COMPARED = 6  # qubits up to which a gate's matrix is compared with its definition


def singletons(cls: Any, *arguments: Any) -> tuple[type, ...]:
    """The class, and that of its shared instance."""
    return tuple({cls, type(cls(*arguments))})


def label(decoder: Decoder, node: Node) -> str | None:
    """A label, or None."""
    text: str | None = decoder.optional(decoder.text, node)
    return text


def _take_standard(value: Any, encoder: Encoder) -> list[Node]:
    cls = next(base for base in type(value).__mro__ if base in _STANDARD_CLASSES.values())
    state = getattr(value, "ctrl_state", None)
    return [cls.__name__, encoder.parts(map(plain, value.params)), value.label, state]


def _make_standard(decoder: Decoder, name: Node, params: Node, text: Node, state: Node) -> Any:
    cls = _STANDARD_CLASSES[decoder.choice(name, _STANDARD_CLASSES)]
    values = [parameter(decoder, node) for node in decoder.bare(params)]
    options: dict[str, Any] = {"label": label(decoder, text)}
    if state is not None:
        options["ctrl_state"] = decoder.integer(state)
    gate = cls(*values, **options)
    if len(gate.params) != len(values):
        raise Refused(f"{name} of {len(values)} parameters")
    return gate


def plain(value: Any) -> Any:
    """A number as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def _take_params(value: Any, encoder: Encoder) -> list[Node]:
    return encoder.parts(map(plain, value.params))


def _make_params(decoder: Decoder, nodes: Node) -> list[Any]:
    """What an instruction may hold: numbers, expressions, texts, and finite arrays and lists."""
    return [_param(decoder.decode(node)) for node in decoder.bare(nodes)]


def _param(value: Any) -> Any:
    if type(value) in FORMULAS or type(value) in (str, bool, type(None)):
        return value
    if type(value) in (int, float, complex) and abs(value) < float("inf"):
        return value
    if type(value) is np.ndarray and value.dtype.kind in "biufc" and np.isfinite(value).all():
        return value
    if type(value) in (list, tuple):
        return type(value)(map(_param, value))
    raise Refused(f"a {type(value).__name__} for a parameter of a gate")


def _take_gate(value: Any, encoder: Encoder) -> list[Node]:
    """Of a gate or instruction of any class."""
    return [
        value.name,
        value.num_qubits,
        value.num_clbits,
        _take_params(value, encoder),
        value.label,
        encoder.part(_definition(value)),
    ]


def _definition(value: Any) -> Any:
    """The circuit that a gate comes to, None for one that is opaque. Raises Unencodable."""
    try:
        definition = value.definition
    except Exception as error:  # the program's own code
        raise Unencodable(f"the gate {value.name}, whose definition fails: {error}") from None
    matrix = _matrix(value)
    if matrix is None:
        return definition
    if definition is None:
        circuit = QuantumCircuit(value.num_qubits)
        circuit.append(library.UnitaryGate(matrix), range(value.num_qubits))
        return circuit
    if value.num_qubits <= _COMPARED and not np.allclose(Operator(definition).data, matrix):
        raise Unencodable(f"the gate {value.name}, whose matrix and definition differ")
    return definition


def _matrix(value: Any) -> Any:
    if not isinstance(value, Gate) or not hasattr(value, "__array__"):
        return None
    try:
        return np.asarray(value.__array__(), dtype=complex)
    except Exception:  # as where a parameter has no value
        return None


def _make_gate(
    decoder: Decoder,
    name: Node,
    qubits: Node,
    clbits: Node,
    params: Node,
    text: Node,
    definition: Node,
) -> Any:
    width = decoder.integer(qubits, 0, MAX_QUBITS)
    gate = Gate(decoder.text(name), width, [], label(decoder, text))
    return _complete(decoder, gate, params, definition, (width, decoder.integer(clbits, 0, 0)))


def _make_instruction(
    decoder: Decoder,
    name: Node,
    qubits: Node,
    clbits: Node,
    params: Node,
    text: Node,
    definition: Node,
) -> Any:
    size = decoder.integer(qubits, 0, MAX_QUBITS), decoder.integer(clbits, 0, MAX_QUBITS)
    instruction = Instruction(decoder.text(name), *size, [], label(decoder, text))
    return _complete(decoder, instruction, params, definition, size)


def _complete(
    decoder: Decoder, made: Any, params: Node, definition: Node, size: tuple[int, int]
) -> Any:
    # Past the class's own check, which knows fewer kinds of parameters than its subclasses.
    made._params = _make_params(decoder, params)
    circuit = decoder.optional(decoder.of, definition, QuantumCircuit)
    if circuit is not None and (circuit.num_qubits, circuit.num_clbits) != size:
        raise Refused("a gate whose definition has another width")
    made.definition = circuit
    return made


def _take_controlled(value: Any, encoder: Encoder) -> list[Node]:
    """How a controlled gate is made of its base, where it is that gate."""
    remade = value.base_gate.control(
        value.num_ctrl_qubits, label=value.label, ctrl_state=value.ctrl_state, annotated=False
    )
    controls = [value.num_ctrl_qubits, value.ctrl_state, value.label]
    if type(remade) is ControlledGate and remade == value:
        return [encoder.part(value.base_gate), *controls, value.name, None]
    return [None, *controls, value.name, _take_gate(value, encoder)]


def _make_controlled(
    decoder: Decoder,
    base: Node,
    count: Node,
    state: Node,
    text: Node,
    name: Node,
    whole: Node,
) -> Any:
    if whole is not None:
        return _make_gate(decoder, *decoder.bare(whole))
    gate = decoder.decode(base)
    if not isinstance(gate, Gate):
        raise Refused("a controlled gate of something else than a gate")
    made = gate.control(
        decoder.integer(count, 1, MAX_QUBITS),
        label=label(decoder, text),
        ctrl_state=decoder.integer(state),
        annotated=False,
    )
    made.name = decoder.text(name)
    return made


def _simple(
    cls: Any,
    take: Callable[[Any], list[Any]],
    *reads: str,
    results: tuple[type, ...] = (),
) -> Kind:
    """A class whose constructor takes plain arguments: `take` gives them, each read as `reads`
    says ("integers", "numbers", "label", or a method of the decoder); the last is a label given by
    its name where it is "label"."""

    def make(decoder: Decoder, *nodes: Node) -> Any:
        options: dict[str, Any] = {}
        values = []
        for node, read in zip(nodes, reads, strict=True):
            if read == "label":
                options["label"] = label(decoder, node)
            elif read == "state":
                options["ctrl_state"] = decoder.integer(node)
            elif read in _READERS:
                values.append(_READERS[read](decoder, node))
            else:
                values.append(getattr(decoder, read)(node))
        return cls(*values, **options)

    def nodes(value: Any, encoder: Encoder) -> list[Node]:
        return [
            encoder.array(item) if isinstance(item, np.ndarray) else encoder.part(plain(item))
            for item in take(value)
        ]

    return Kind(cls.__name__, (cls,), nodes, make, results=results, unless=_BEHAVIOUR)


def _integers(decoder: Decoder, node: Node) -> Any:
    values = decoder.of(node, list)
    return [decoder.integer(value, -(1 << 40), 1 << 40) for value in values]


def _reals(decoder: Decoder, node: Node) -> Any:
    return [decoder.real(value) for value in decoder.of(node, list)]


_READERS: dict[str, Callable[[Decoder, Node], Any]] = {
    "count": lambda decoder, node: decoder.integer(node, 0, MAX_QUBITS),
    "integers": _integers,
    "reals": _reals,
    "optional integers": lambda decoder, node: decoder.optional(
        lambda inner: _integers(decoder, inner), node
    ),
    "parameter": parameter,
    "matrix": lambda decoder, node: decoder.numbers(node, "<c16", 2),
    "vector": lambda decoder, node: decoder.numbers(node, "<c16", 1),
    "flags": lambda decoder, node: decoder.numbers(node, "|b1", 2),
    "adjacency": lambda decoder, node: decoder.numbers(node, "<f8", 2),
    "pauli": lambda decoder, node: decoder.of(node, Pauli),
    "gate": lambda decoder, node: _gate(decoder.decode(node)),
    "formula": lambda decoder, node: decoder.of(node, *EXPRESSIONS),
    "circuit": lambda decoder, node: decoder.of(node, QuantumCircuit),
}


def _gate(value: Any) -> Any:
    if not isinstance(value, Gate):
        raise Refused(f"a {type(value).__name__} for a gate")
    return value


def _operator(decoder: Decoder, node: Node) -> Any:
    value = decoder.decode(node)
    known = (Pauli, SparsePauliOp, SparseObservable)
    terms = value if type(value) is list else [value]
    if any(type(term) not in known for term in terms):
        raise Refused("the generator of an evolution is no sum of Paulis")
    return value


def _matrix_of(value: Any) -> Any:
    return np.asarray(value, dtype=complex)


def _take_preparation(value: Any, encoder: Encoder) -> list[Node]:
    inner = getattr(value, "_stateprep", value)
    content: Any
    inverse = bool(getattr(value, "_inverse", False))
    if inner._from_label:
        content = "".join(map(str, inner.params))
    elif inner._from_int:
        content = int(inner.params[0].real)
    else:
        content = np.asarray(inner.params, dtype=complex)
    node = encoder.array(content) if isinstance(content, np.ndarray) else content
    return [node, value.num_qubits, inverse, value.label]


def _content(decoder: Decoder, node: Node) -> Any:
    if type(node) is list:
        return decoder.numbers(node, "<c16", 1)
    return node if type(node) is str else decoder.integer(node)


def _make_preparation(
    decoder: Decoder, node: Node, qubits: Node, inverse: Node, text: Node
) -> library.StatePreparation:
    content = _content(decoder, node)
    width = decoder.integer(qubits, 0, MAX_QUBITS) if type(content) is int else None
    return library.StatePreparation(
        content, width, inverse=decoder.flag(inverse), label=label(decoder, text)
    )


def _make_initialize(
    decoder: Decoder, node: Node, qubits: Node, _: Node, text: Node
) -> library.Initialize:
    content = _content(decoder, node)
    width = decoder.integer(qubits, 0, MAX_QUBITS) if type(content) is int else None
    made = library.Initialize(content, width)
    made.label = label(decoder, text)
    return made


_SYNTHESES = {cls.__name__: cls for cls in (LieTrotter, SuzukiTrotter, QDrift)}


def _take_evolution(value: Any, encoder: Encoder) -> list[Node]:
    synthesis = value.synthesis
    name = type(synthesis).__name__
    if _SYNTHESES.get(name) is not type(synthesis) or synthesis._wrap not in (True, False):
        raise Unencodable(f"an evolution by {name}")
    return [
        encoder.part(value.operator),
        encoder.part(plain(value.time)),
        value.label,
        name,
        [int(synthesis.order), int(synthesis.reps)],
        [bool(synthesis.insert_barriers), bool(synthesis.preserve_order)],
        synthesis._cx_structure,
    ]


def _make_evolution(
    decoder: Decoder,
    operator: Node,
    time: Node,
    text: Node,
    name: Node,
    sizes: Node,
    flags: Node,
    structure: Node,
) -> library.PauliEvolutionGate:
    order, reps = (decoder.integer(size, 1, 1000) for size in decoder.bare(sizes))
    barriers, preserve = (decoder.flag(flag) for flag in decoder.bare(flags))
    cls = _SYNTHESES[decoder.choice(name, _SYNTHESES)]
    options = {
        "reps": reps,
        "insert_barriers": barriers,
        "cx_structure": decoder.choice(structure, ("chain", "fountain")),
        "preserve_order": preserve,
    }
    if cls is SuzukiTrotter:
        options["order"] = order
    return library.PauliEvolutionGate(
        _operator(decoder, operator),
        parameter(decoder, time),
        label=label(decoder, text),
        synthesis=cls(**options),
    )


def _take_annotated(value: Any, encoder: Encoder) -> list[Node]:
    modifiers = []
    for modifier in value.modifiers:
        if type(modifier) is InverseModifier:
            modifiers.append(["inverse", 0, 0])
        elif type(modifier) is PowerModifier:
            modifiers.append(["power", modifier.power, 0])
        elif type(modifier) is ControlModifier:
            modifiers.append(["control", modifier.num_ctrl_qubits, modifier.ctrl_state])
        else:
            raise Unencodable(type(modifier).__name__)
    return [encoder.part(value.base_op), modifiers]


def _make_annotated(decoder: Decoder, base: Node, modifiers: Node) -> AnnotatedOperation:
    made: list[Any] = []
    for modifier in decoder.bare(modifiers):
        name, amount, state = decoder.bare(modifier)
        if decoder.choice(name, ("inverse", "power", "control")) == "inverse":
            made.append(InverseModifier())
        elif name == "power":
            made.append(PowerModifier(decoder.real(amount)))
        else:
            made.append(
                ControlModifier(decoder.integer(amount, 0, MAX_QUBITS), decoder.integer(state))
            )
    operation = decoder.decode(base)
    if not isinstance(operation, Operation):
        raise Refused("an annotated operation of something else")
    return AnnotatedOperation(operation, made)


_STANDARD_TYPES = tuple(
    {
        cls
        for gate in STANDARD.values()
        for cls in (gate.gate_class, type(gate.gate_class(*[0.5] * gate.num_params)))
    }
)
_state_count = (lambda value: [value.num_state_qubits, value.label], "count", "label")

KINDS = [
    Kind("standard", _STANDARD_TYPES, _take_standard, _make_standard, unless=_BEHAVIOUR),
    # The named ones have wires beside those of the class they are derived from.
    Kind(
        "Gate",
        (Gate, library.MCXVChain, library.MCXRecursive, library.MCXGrayCode),
        _take_gate,
        _make_gate,
        results=(Gate,),
    ),
    Kind("Instruction", (Instruction,), _take_gate, _make_instruction),
    Kind(
        "ControlledGate",
        (ControlledGate,),
        _take_controlled,
        _make_controlled,
        results=(Gate, *_STANDARD_TYPES, library.MCXGate, library.MCPhaseGate),
    ),
    _simple(Barrier, lambda value: [value.num_qubits, value.label], "count", "label"),
    _simple(Store, lambda value: [value.lvalue, value.rvalue], "formula", "formula"),
    _simple(
        library.UnitaryGate,
        lambda value: [_matrix_of(value.params[0]), value.label],
        "matrix",
        "label",
    ),
    _simple(library.DiagonalGate, lambda value: [_matrix_of(value.params)], "vector"),
    _simple(
        library.HamiltonianGate,
        lambda value: [_matrix_of(value.params[0]), value.params[1], value.label],
        "matrix",
        "parameter",
        "label",
    ),
    _simple(library.PauliGate, lambda value: [value.params[0]], "text"),
    _simple(library.PermutationGate, lambda value: [[int(i) for i in value.params[0]]], "integers"),
    _simple(library.QFTGate, lambda value: [value.num_qubits], "count"),
    _simple(library.LinearFunction, lambda value: [np.asarray(value.linear, dtype=bool)], "flags"),
    _simple(
        library.MCXGate,
        lambda value: [value.num_ctrl_qubits, value.label, value.ctrl_state],
        "count",
        "label",
        "state",
    ),
    _simple(
        library.C4XGate,
        lambda value: [value.label, value.ctrl_state],
        "label",
        "state",
        results=singletons(library.C4XGate),
    ),
    *(
        _simple(
            cls,
            lambda value: [
                value.params[0],
                value.num_ctrl_qubits,
                value.label,
                value.ctrl_state,
            ],
            "parameter",
            "count",
            "label",
            "state",
        )
        for cls in (library.MCPhaseGate, library.MCU1Gate)
    ),
    _simple(
        library.GraphStateGate,
        lambda value: [np.asarray(value.adjacency_matrix, dtype=float)],
        "adjacency",
    ),
    _simple(library.InnerProductGate, lambda value: [value.num_qubits // 2], "count"),
    *(
        _simple(
            cls,
            lambda value: [value.num_variable_qubits, value.flags],
            "count",
            "optional integers",
        )
        for cls in (library.AndGate, library.OrGate)
    ),
    *(
        _simple(cls, *_state_count)
        for cls in (library.HalfAdderGate, library.FullAdderGate, library.ModularAdderGate)
    ),
    _simple(
        library.MultiplierGate,
        lambda value: [value.num_state_qubits, value.num_result_qubits, value.label],
        "count",
        "count",
        "label",
    ),
    _simple(
        library.IntegerComparatorGate,
        lambda value: [value.num_qubits - 1, value.value, value.geq, value.label],
        "count",
        "integer",
        "flag",
        "label",
    ),
    _simple(
        library.WeightedSumGate,
        lambda value: [value.num_state_qubits, [int(w) for w in value.params], value.label],
        "count",
        "integers",
        "label",
    ),
    _simple(library.RVGate, lambda value: value.params, "real", "real", "real"),
    *(
        _simple(cls, lambda value: [[float(angle) for angle in value.params]], "reals")
        for cls in (library.UCRXGate, library.UCRYGate, library.UCRZGate)
    ),
    _simple(
        library.PauliProductMeasurement,
        lambda value: [value.pauli(), value.label],
        "pauli",
        "label",
    ),
    _simple(
        library.PauliProductRotationGate,
        lambda value: [value.pauli(), value.params[-1], value.label],
        "pauli",
        "parameter",
        "label",
    ),
    Kind("StatePreparation", (library.StatePreparation,), _take_preparation, _make_preparation),
    Kind("Initialize", (library.Initialize,), _take_preparation, _make_initialize),
    Kind("PauliEvolution", (library.PauliEvolutionGate,), _take_evolution, _make_evolution),
    Kind("AnnotatedOperation", (AnnotatedOperation,), _take_annotated, _make_annotated),
]
