"""What a device can do: targets, coupling maps, durations."""

from typing import Any

import numpy as np
from qiskit.circuit import (
    BreakLoopOp,
    ContinueLoopOp,
    Delay,
    ForLoopOp,
    IfElseOp,
    Measure,
    Operation,
    Reset,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.controlflow import BoxOp
from qiskit.transpiler import (
    CouplingMap,
    InstructionDurations,
    InstructionProperties,
    Target,
)
from qiskit.transpiler.target import QubitProperties

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.wire import Node, Refused

_MAX_QUBITS = 1 << 16
# Operations of any width, which a target holds as classes.
CLASSES: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        *(IfElseOp, WhileLoopOp, ForLoopOp, SwitchCaseOp, BoxOp, BreakLoopOp, ContinueLoopOp),
        *(Delay, Measure, Reset),
    )
}


def _real(value: Any) -> Any:
    return None if value is None else float(value)


def _numbers(cls: Any, *names: str) -> Kind:
    def make(decoder: Decoder, *nodes: Node) -> Any:
        values = [decoder.optional(decoder.real, node) for node in nodes]
        return cls(**dict(zip(names, values, strict=True)))

    return Kind(
        cls.__name__, (cls,), lambda value, _: [_real(getattr(value, name)) for name in names], make
    )


def _take_target(value: Any, encoder: Encoder) -> list[Node]:
    if value.has_angle_bounds():
        raise Unencodable("a target with bounds of angles")
    operations = []
    for name in value.operation_names:
        operation: Any = value.operation_from_name(name)
        if isinstance(operation, type):
            kind = str(getattr(operation, "__name__", ""))
            if CLASSES.get(kind) is not operation:
                raise Unencodable(f"a target with the class {kind}")
            operations.append([name, kind, None, None])
            continue
        properties = value[name]
        places = None
        if properties is not None:
            places = [
                [None if qubits is None else list(qubits), encoder.part(item)]
                for qubits, item in properties.items()
            ]
        operations.append([name, None, encoder.part(operation), places])
    qubits = value.qubit_properties
    groups = value.concurrent_measurements
    return [
        value.description,
        value.num_qubits,
        _real(value.dt),
        [
            value.granularity,
            value.min_length,
            value.pulse_alignment,
            value.acquire_alignment,
        ],
        None if qubits is None else encoder.parts(qubits),
        None if groups is None else [[int(qubit) for qubit in group] for group in groups],
        operations,
    ]


def _make_target(
    decoder: Decoder,
    description: Node,
    qubits: Node,
    dt: Node,
    sizes: Node,
    properties: Node,
    groups: Node,
    operations: Node,
) -> Target:
    granularity, length, pulse, acquire = (decoder.integer(size) for size in decoder.bare(sizes))
    target = Target(
        description=decoder.optional(decoder.text, description),
        num_qubits=decoder.optional(decoder.integer, qubits, 0, _MAX_QUBITS),
        dt=decoder.optional(decoder.real, dt),
        granularity=granularity,
        min_length=length,
        pulse_alignment=pulse,
        acquire_alignment=acquire,
        qubit_properties=decoder.optional(
            lambda nodes: [
                decoder.optional(decoder.of, node, QubitProperties) for node in decoder.bare(nodes)
            ],
            properties,
        ),
        concurrent_measurements=decoder.optional(
            lambda nodes: [list(_qubits(decoder, node)) for node in decoder.bare(nodes)], groups
        ),
    )
    for entry in decoder.bare(operations):
        name, variable, node, places = decoder.bare(entry)
        if variable is not None:
            target.add_instruction(
                CLASSES[decoder.choice(variable, CLASSES)], name=decoder.text(name)
            )
            continue
        operation = decoder.decode(node)
        if not isinstance(operation, Operation):
            raise Refused(f"a {type(operation).__name__} for an operation")
        target.add_instruction(
            operation, _places(decoder, places, operation), name=decoder.text(name)
        )
    return target


def _qubits(decoder: Decoder, node: Node) -> tuple[int, ...]:
    return tuple(decoder.integer(qubit, 0, _MAX_QUBITS) for qubit in decoder.bare(node))


def _places(decoder: Decoder, nodes: Node, operation: Any) -> Any:
    if nodes is None:
        return None
    found: dict[Any, Any] = {}
    for pair in decoder.bare(nodes):
        place, properties = decoder.bare(pair)
        qubits = decoder.optional(lambda node: _qubits(decoder, node), place)
        if qubits is not None and len(qubits) != operation.num_qubits:
            raise Refused("an operation on another number of qubits")
        found[qubits] = decoder.optional(decoder.of, properties, InstructionProperties)
    return None if found == {None: None} else found


def _update_target(existing: Any, fresh: Any) -> None:
    existing.__setstate__(fresh.__getstate__())


def _take_coupling(value: Any, _: Encoder) -> list[Node]:
    return [
        [[int(a), int(b)] for a, b in value.get_edges()],
        value.size(),
        value.description,
    ]


def _make_coupling(decoder: Decoder, edges: Node, size: Node, description: Node) -> CouplingMap:
    coupling = CouplingMap(description=decoder.optional(decoder.text, description))
    for qubit in range(decoder.integer(size, 0, _MAX_QUBITS)):
        coupling.add_physical_qubit(qubit)
    for edge in decoder.bare(edges):
        first, second = _qubits(decoder, edge)
        coupling.add_edge(first, second)
    return coupling


def _take_durations(value: Any, encoder: Encoder) -> list[Node]:
    entries = [[name, None, None, *found] for name, found in value.duration_by_name.items()]
    for (name, qubits), found in value.duration_by_name_qubits.items():
        entries.append([name, list(qubits), None, *found])
    for (name, qubits, params), found in value.duration_by_name_qubits_params.items():
        entries.append([name, list(qubits), [float(p) for p in params], *found])
    plain = [[*entry[:3], encoder.part(_item(entry[3])), entry[4]] for entry in entries]
    return [plain, _real(value.dt)]


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _make_durations(decoder: Decoder, entries: Node, dt: Node) -> InstructionDurations:
    found = []
    for entry in decoder.bare(entries):
        name, qubits, params, duration, unit = decoder.bare(entry)
        row = [
            decoder.text(name),
            decoder.optional(lambda node: list(_qubits(decoder, node)), qubits),
            decoder.real(duration),
        ]
        if params is not None:
            row.append([decoder.real(param) for param in decoder.bare(params)])
        found.append((*row, decoder.choice(unit, ("dt", "ps", "ns", "us", "ms", "s"))))
    return InstructionDurations(found, dt=decoder.optional(decoder.real, dt))


KINDS = [
    _numbers(InstructionProperties, "duration", "error"),
    _numbers(QubitProperties, "t1", "t2", "frequency"),
    Kind("Target", (Target,), _take_target, _make_target, _update_target),
    Kind("CouplingMap", (CouplingMap,), _take_coupling, _make_coupling),
    Kind("InstructionDurations", (InstructionDurations,), _take_durations, _make_durations),
]
