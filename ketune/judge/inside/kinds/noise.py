"""Noise models of Aer."""

from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.transpiler import Target
from qiskit_aer.noise import NoiseModel, QuantumError, ReadoutError
from qiskit_aer.noise.passes import RelaxationNoisePass

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.kinds.targets import CLASSES
from ketune.judge.inside.wire import Node

_MAX_QUBITS = 1 << 16


def _make_error(decoder: Decoder, circuits: Node, weights: Node) -> QuantumError:
    found = [decoder.of(node, QuantumCircuit) for node in decoder.bare(circuits)]
    numbers = [decoder.real(node) for node in decoder.bare(weights)]
    return QuantumError(list(zip(found, numbers, strict=True)))


def _make_readout(decoder: Decoder, matrix: Node) -> ReadoutError:
    return ReadoutError(decoder.numbers(matrix, "<f8", 2))


def _take_model(value: Any, encoder: Encoder) -> list[Node]:
    # In the order of their places: what comes twice is told by the first.
    everywhere = [[name, encoder.part(e)] for name, e in value._default_quantum_errors.items()]
    local = [
        [name, list(qubits), encoder.part(error)]
        for name, errors in value._local_quantum_errors.items()
        for qubits, error in errors.items()
    ]
    readout = encoder.part(value._default_readout_error)
    readouts = [
        [list(qubits), encoder.part(e)] for qubits, e in value._local_readout_errors.items()
    ]
    passes = []
    for custom in value._custom_noise_passes:
        if type(custom) is not RelaxationNoisePass:
            raise Unencodable(f"a noise model with a {type(custom).__name__}")
        passes.append(_take_relaxation(custom, encoder))
    return [
        sorted(map(str, value._basis_gates)),
        everywhere,
        local,
        readout,
        readouts,
        passes,
    ]


def _qubits(decoder: Decoder, node: Node) -> list[int]:
    return [decoder.integer(qubit, 0, _MAX_QUBITS) for qubit in decoder.bare(node)]


def _make_model(
    decoder: Decoder,
    basis: Node,
    everywhere: Node,
    local: Node,
    readout: Node,
    readouts: Node,
    passes: Node,
) -> NoiseModel:
    model = NoiseModel([decoder.text(name) for name in decoder.bare(basis)])
    for name, error in decoder.bare(everywhere):
        model.add_all_qubit_quantum_error(
            decoder.of(error, QuantumError), decoder.text(name), warnings=False
        )
    for name, qubits, error in decoder.bare(local):
        model.add_quantum_error(
            decoder.of(error, QuantumError),
            decoder.text(name),
            _qubits(decoder, qubits),
            warnings=False,
        )
    if readout is not None:
        model.add_all_qubit_readout_error(decoder.of(readout, ReadoutError), warnings=False)
    for qubits, error in decoder.bare(readouts):
        model.add_readout_error(
            decoder.of(error, ReadoutError), _qubits(decoder, qubits), warnings=False
        )
    model._custom_noise_passes = [_make_relaxation(decoder, node) for node in decoder.bare(passes)]
    return model


def _take_relaxation(value: Any, encoder: Encoder) -> Node:
    names = [cls.__name__ for cls in value._ops]
    if any(CLASSES.get(name) is not cls for name, cls in zip(names, value._ops, strict=True)):
        raise Unencodable("a relaxation of other operations")
    times = [
        encoder.array(np.asarray(part, "<f8")) for part in (value._t1s, value._t2s, value._p1s)
    ]
    dt = None if value._dt is None else float(value._dt)
    return [times, dt, names, encoder.part(value._target)]


def _make_relaxation(decoder: Decoder, node: Node) -> RelaxationNoisePass:
    times, dt, names, target = decoder.bare(node)
    # A qubit without a measured time has an infinite one.
    t1s, t2s, p1s = (_times(decoder, part) for part in decoder.bare(times))
    return RelaxationNoisePass(
        t1s.tolist(),
        t2s.tolist(),
        decoder.optional(decoder.real, dt),
        [CLASSES[decoder.choice(name, CLASSES)] for name in decoder.bare(names)],
        p1s.tolist(),
        decoder.optional(decoder.of, target, Target),
    )


def _times(decoder: Decoder, node: Node) -> Any:
    array = decoder.array(*decoder.bare(node))
    if array.dtype != np.dtype("<f8") or array.ndim != 1 or np.isnan(array).any():
        return decoder.numbers(node, "<f8", 1)
    return array


KINDS = [
    Kind(
        "QuantumError",
        (QuantumError,),
        lambda value, encoder: [
            encoder.parts(value.circuits),
            [float(p) for p in value.probabilities],
        ],
        _make_error,
    ),
    Kind(
        "ReadoutError",
        (ReadoutError,),
        lambda value, encoder: [encoder.array(np.asarray(value.probabilities, dtype=float))],
        _make_readout,
    ),
    Kind("NoiseModel", (NoiseModel,), _take_model, _make_model),
]
