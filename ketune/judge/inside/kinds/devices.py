"""Backends: fake devices by their name, simulators by their options."""

import functools
from typing import Any

from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.transpiler import CouplingMap, Target
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime import fake_provider  # type: ignore[import-untyped]
from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2  # type: ignore[import-untyped]

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.wire import Node

_FAKES: dict[str, Any] = {
    name: cls
    for name, cls in vars(fake_provider).items()
    if isinstance(cls, type) and issubclass(cls, FakeBackendV2) and cls is not FakeBackendV2
}
_FROM = "aer_simulator_from("


@functools.cache
def _defaults(cls: Any) -> dict[str, Any]:
    return dict(cls()._options._fields)


def _changed(value: Any, encoder: Encoder) -> Node:
    """Options that differ from those of a new backend."""
    cls: Any = type(value)
    usual = _defaults(cls)
    return [
        [name, encoder.part(item)]
        for name, item in value._options._fields.items()
        if name not in usual or not _same(usual[name], item)
    ]


def _same(first: Any, second: Any) -> bool:
    return first is second or (type(first) is type(second) and bool(first == second))


def _make_fake(decoder: Decoder, name: Node, options: Node) -> Any:
    backend = _FAKES[decoder.choice(name, _FAKES)]()
    backend.set_options(**decoder.names(options))
    return backend


def _take_generic(value: Any, encoder: Encoder) -> list[Node]:
    return [
        value.num_qubits,
        list(map(str, value._basis_gates)),
        encoder.part(value._coupling_map),
        bool(value._control_flow),
        bool(value._noise_info),
        encoder.part(value._target),
        _changed_generic(value, encoder),
    ]


def _changed_generic(value: Any, encoder: Encoder) -> Node:
    usual = GenericBackendV2._default_options()._fields
    return [
        [name, encoder.part(item)]
        for name, item in value._options._fields.items()
        if name not in usual or not _same(usual[name], item)
    ]


def _make_generic(
    decoder: Decoder,
    qubits: Node,
    basis: Node,
    coupling: Node,
    control_flow: Node,
    noise: Node,
    target: Node,
    options: Node,
) -> GenericBackendV2:
    backend = GenericBackendV2(
        decoder.integer(qubits, 1, 1 << 12),
        [decoder.text(name) for name in decoder.bare(basis)],
        coupling_map=decoder.of(coupling, CouplingMap),
        control_flow=decoder.flag(control_flow),
        noise_info=decoder.flag(noise),
        seed=0,
    )
    backend._target = decoder.of(target, Target)
    backend.set_options(**decoder.names(options))
    return backend


def _take_simulator(value: Any, encoder: Encoder) -> list[Node]:
    source = None
    if value.name.startswith(_FROM):
        device = value.name.removeprefix(_FROM).removesuffix(")")
        source = next((n for n in _FAKES if _device_name(n) == device), None)
        if source is None:
            raise Unencodable(value.name)
        usual = dict(_simulator(source)._options._fields)
        changed = [
            [name, encoder.part(item)]
            for name, item in value._options._fields.items()
            if name not in usual or not _same(usual[name], item)
        ]
    else:
        changed = _changed(value, encoder)
        known = {"coupling_map", "basis_gates", "n_qubits"}
        configured = value._options_configuration
        changed += [
            [name, encoder.part(item)] for name, item in configured.items() if name in known
        ]
    return [source, changed]


@functools.cache
def _device_name(name: str) -> str:
    found: str = _FAKES[name].backend_name
    return found


@functools.cache
def _simulator(name: str) -> Any:
    return AerSimulator.from_backend(_FAKES[name]())


def _make_simulator(decoder: Decoder, source: Node, options: Node) -> AerSimulator:
    if source is None:
        return AerSimulator(**decoder.names(options))
    backend = AerSimulator.from_backend(_FAKES[decoder.choice(source, _FAKES)]())
    backend.set_options(**decoder.names(options))
    return backend


KINDS = [
    Kind(
        "fake",
        tuple(_FAKES.values()),
        lambda value, encoder: [type(value).__name__, _changed(value, encoder)],
        _make_fake,
    ),
    Kind("GenericBackendV2", (GenericBackendV2,), _take_generic, _make_generic),
    Kind("AerSimulator", (AerSimulator,), _take_simulator, _make_simulator),
]
