"""Families about noise and its mitigation."""

from collections.abc import Sequence
from random import Random

from ketune.synthetic.families.subjects import QC, names
from ketune.synthetic.sample import Task


def noise_model(
    rng: Random, _: bool, probabilities: Sequence[float] = (0.01, 0.02, 0.05, 0.1)
) -> Task:
    p, gate = rng.choice(probabilities), rng.choice(("x", "h", "sx", "cx", "cz"))
    k = 2 if gate in ("cx", "cz") else 1
    return Task(
        f"Return a noise model with depolarizing error {p} on every {gate} gate.",
        [
            "noise = NoiseModel()",
            f'noise.add_all_qubit_quantum_error(depolarizing_error({p}, {k}), ["{gate}"])',
            "return noise",
        ],
        [
            "d = candidate().to_dict()['errors']",
            f"assert len(d) == 1 and d[0]['operations'] == ['{gate}']",
            f"assert abs(max(d[0]['probabilities']) - (1 - {p} * (1 - 1 / {4**k}))) < 1e-9",
        ],
        names(("noise", "depolarizing"), ("model",)),
        "NoiseModel",
        imports={"qiskit_aer.noise": "NoiseModel, depolarizing_error"},
    )


def readout(
    rng: Random,
    _: bool,
    false_ones: Sequence[float] = (0.01, 0.02, 0.05),
    false_zeros: Sequence[float] = (0.03, 0.1, 0.04),
) -> Task:
    a, b = rng.choice(false_ones), rng.choice(false_zeros)
    return Task(
        f"Return a readout error with P(1|0) = {a} and P(0|1) = {b}.",
        [f"return ReadoutError([[{1 - a:g}, {a}], [{b}, {1 - b:g}]])"],
        [
            "p = candidate().probabilities",
            f"assert abs(p[0][1] - {a}) < 1e-9 and abs(p[1][0] - {b}) < 1e-9",
        ],
        names(("readout", "measurement"), ("error",)),
        "ReadoutError",
        imports={"qiskit_aer.noise": "ReadoutError"},
    )


def channel(rng: Random, _: bool, parameters: Sequence[float] = (0.1, 0.2, 0.25, 0.3, 0.5)) -> Task:
    kind, p = rng.choice(("amplitude", "phase")), rng.choice(parameters)
    return Task(
        f"Return the {kind} damping error with parameter {p}.",
        [f"return {kind}_damping_error({p})"],
        [
            "import numpy as np",
            "from qiskit.quantum_info import DensityMatrix",
            "rho = DensityMatrix.from_label('+').evolve(candidate()).data",
            f"assert abs(abs(rho[0, 1]) - 0.5 * (1 - {p}) ** 0.5) < 1e-9",
            f"assert abs(DensityMatrix.from_label('1').evolve(candidate()).data[1, 1] - {(1 - p) if kind == 'amplitude' else 1}) < 1e-9",
        ],
        names((kind, "damping"), ("error", "channel")),
        "QuantumError",
        imports={"qiskit_aer.noise": f"QuantumError, {kind}_damping_error"},
    )


def zne(rng: Random, _: bool) -> Task:
    a, slope = rng.choice((1, 0.9, 0.8)), rng.choice((0.1, 0.05, 0.02))
    values = [round(a - slope * x, 3) for x in (1, 2, 3)]
    return Task(
        f"Extrapolate the values {values} at noise factors [1, 2, 3] linearly to zero.",
        [f"return float(np.polyfit([1, 2, 3], {values}, 1)[1])"],
        [f"assert abs(candidate() - {a}) < 1e-6"],
        names(("zne", "extrapolate"), ("value", "zero")),
        "float",
        imports={"numpy": "as np"},
    )


def fold(rng: Random, _: bool) -> Task:
    gate, k = rng.choice(("cx", "cz", "swap")), rng.choice((3, 5, 7))
    return Task(
        f"Build a 2-qubit circuit with {gate} on qubits 0 and 1 folded {k} times.",
        ["qc = QuantumCircuit(2)", f"for _ in range({k}):", f"    qc.{gate}(0, 1)", "return qc"],
        [
            "qc = candidate()",
            f"assert dict(qc.count_ops()) == {{'{gate}': {k}}} and qc.num_qubits == 2",
        ],
        names(("fold", "amplify"), ("noise", gate)),
    )


def delay(
    rng: Random, _: bool, max_qubits: int = 3, times: Sequence[int] = (50, 100, 200, 400)
) -> Task:
    n, t = rng.randint(1, max_qubits), rng.choice(times)
    q = rng.randrange(n)
    return Task(
        f"Build a {n}-qubit circuit with a delay of {t} dt on qubit {q}.",
        [f"qc = QuantumCircuit({n})", f'qc.delay({t}, {q}, "dt")', "return qc"],
        [
            f"expected = QuantumCircuit({n})",
            f"expected.delay({t}, {q}, 'dt')",
            "assert candidate() == expected",
        ],
        names(("delay", "idle"), ("circuit", "qubit")),
        check_imports=QC,
    )
