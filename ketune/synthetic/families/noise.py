"""Families about noise: models, channels and errors, by themselves and on given states."""

from collections.abc import Sequence
from math import exp
from random import Random

from ketune.synthetic.families.states import SCHMIDT
from ketune.synthetic.families.subjects import EIGENSTATES, given_circuit, letters
from ketune.synthetic.sample import Question, Task


def noise_model(
    rng: Random, _: bool, probabilities: Sequence[float] = (0.01, 0.02, 0.05, 0.1)
) -> Task:
    p, gate = rng.choice(probabilities), rng.choice(("x", "h", "sx", "cx", "cz"))
    k = 2 if gate in ("cx", "cz") else 1
    return Task(
        f"Return a noise model with depolarizing error {p} on every {gate} gate.",
        "noise|depolarizing model -> NoiseModel",
        f"""
        noise = NoiseModel()
        noise.add_all_qubit_quantum_error(depolarizing_error({p}, {k}), ["{gate}"])
        return noise
        """,
        f"""
        d = candidate().to_dict()['errors']
        assert len(d) == 1 and d[0]['operations'] == ['{gate}']
        assert abs(max(d[0]['probabilities']) - (1 - {p} * (1 - 1 / {4**k}))) < 1e-9
        """,
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
        "readout|measurement error -> ReadoutError",
        f"return ReadoutError([[{1 - a:g}, {a}], [{b}, {1 - b:g}]])",
        f"""
        p = candidate().probabilities
        assert abs(p[0][1] - {a}) < 1e-9 and abs(p[1][0] - {b}) < 1e-9
        """,
    )


def channel(rng: Random, _: bool, parameters: Sequence[float] = (0.1, 0.2, 0.25, 0.3, 0.5)) -> Task:
    kind, p = rng.choice(("amplitude", "phase")), rng.choice(parameters)
    excited = 1 - p if kind == "amplitude" else 1
    return Task(
        f"Return the {kind} damping error with parameter {p}.",
        f"{kind}|damping error|channel -> QuantumError",
        f"return {kind}_damping_error({p})",
        f"""
        import numpy as np
        from qiskit.quantum_info import DensityMatrix
        rho = DensityMatrix.from_label('+').evolve(candidate()).data
        assert abs(abs(rho[0, 1]) - 0.5 * (1 - {p}) ** 0.5) < 1e-9
        assert abs(DensityMatrix.from_label('1').evolve(candidate()).data[1, 1] - {excited}) < 1e-9
        """,
    )


def pauli_channel(rng: Random, _: bool) -> Task:
    label = letters(rng, EIGENSTATES, rng.randint(1, 2))
    qubit, p = rng.randrange(len(label)), rng.randint(1, 60) / 200
    pauli, word = rng.choice((("X", "bit"), ("Z", "phase"), ("Y", "bit-phase")))
    return Task(
        f"Return the density matrix of the state '{label}' after a {word} flip of qubit {qubit}"
        f" with probability {p}.",
        "flip|pauli_noise on_state|channel -> DensityMatrix",
        f"""
        error = pauli_error([("{pauli}", {p}), ("I", 1 - {p})])
        return DensityMatrix.from_label("{label}").evolve(error, qargs=[{qubit}])
        """,
        f"""
        import numpy as np
        rho = DensityMatrix.from_label('{label}').data
        k = Operator.from_label('{"I" * (len(label) - 1 - qubit)}{pauli}{"I" * qubit}').data
        assert np.allclose(candidate().data, (1 - {p}) * rho + {p} * k @ rho @ k.conj().T)
        """,
    )


def relaxation(rng: Random, _: bool) -> Task:
    t1 = rng.randrange(40, 300, 10)
    t2, time = rng.randrange(20, 2 * t1, 10), rng.randrange(5, 100, 5)
    return Task(
        f"Return the density matrix of |+> after thermal relaxation for {time} us"
        f" with T1 = {t1} us and T2 = {t2} us.",
        "relax|thermal state|plus_state -> DensityMatrix",
        f"""
        error = thermal_relaxation_error({t1}, {t2}, {time})
        return DensityMatrix.from_label("+").evolve(error)
        """,
        f"""
        rho = candidate().data
        assert abs(abs(rho[0, 1]) - {exp(-time / t2) / 2!r}) < 1e-6
        assert abs(rho[1, 1].real - {exp(-time / t1) / 2!r}) < 1e-6
        """,
    )


def depolarized_purity(rng: Random, picture: bool) -> Task:
    given, p = given_circuit(rng, picture), rng.randint(1, 60) / 200
    return Task(
        f"Return the purity of {given.phrase} after a depolarizing error of {p} on qubit 0.",
        "purity_after_noise|noisy_purity circuit|qc|program -> float",
        f"""
        noisy = DensityMatrix(qc).evolve(depolarizing_error({p}, 1), qargs=[0])
        return float(noisy.purity().real)
        """,
        f"""
        {SCHMIDT}
        assert abs(candidate() - (1 - {p}) ** 2 - {p} * (1 - {p} / 2) * (p**2).sum()) < 1e-6
        """,
        given,
    )


def depolarized_fidelity(rng: Random, picture: bool) -> Task:
    given, p = given_circuit(rng, picture), rng.randint(1, 60) / 200
    qubit = rng.randrange(given.num_qubits)
    return Task(
        f"Return the fidelity of {given.phrase} before and after a bit flip of qubit {qubit} with"
        f" probability {p}.",
        "noisy_fidelity|fidelity_after_flip circuit|qc|program -> float",
        f"""
        flip = pauli_error([("X", {p}), ("I", 1 - {p})])
        noisy = DensityMatrix(qc).evolve(flip, qargs=[{qubit}])
        return float(state_fidelity(Statevector(qc), noisy))
        """,
        f"""
        state, flipped = Statevector(expected), expected.copy()
        flipped.x({qubit})
        value = 1 - {p} + {p} * abs(state.inner(Statevector(flipped))) ** 2
        assert abs(candidate() - value) < 1e-6
        """,
        given,
    )


def noisy_z(rng: Random, picture: bool) -> Task:
    given, p = given_circuit(rng, picture), rng.randint(1, 60) / 200
    kind = rng.choice(("amplitude", "phase"))
    after = f"{p} + (1 - {p}) * z" if kind == "amplitude" else "z"
    return Task(
        f"Return the expectation of Z on qubit 0 of {given.phrase} after {kind} damping of qubit 0"
        f" by {p}.",
        "damped_z|noisy_z circuit|qc|program -> float",
        f"""
        noisy = DensityMatrix(qc).evolve({kind}_damping_error({p}), qargs=[0])
        return float(noisy.expectation_value(Pauli("Z"), qargs=[0]).real)
        """,
        f"""
        p = Statevector(expected).probabilities([0])
        z = p[0] - p[1]
        assert abs(candidate() - ({after})) < 1e-6
        """,
        given,
    )


def delay(
    rng: Random, _: bool, max_qubits: int = 3, times: Sequence[int] = (50, 100, 200, 400)
) -> Task:
    n, t = rng.randint(1, max_qubits), rng.choice(times)
    q = rng.randrange(n)
    return Task(
        f"Build a {n}-qubit circuit with a delay of {t} dt on qubit {q}.",
        "delay|idle circuit|qubit",
        f"""
        qc = QuantumCircuit({n})
        qc.delay({t}, {q}, "dt")
        return qc
        """,
        f"""
        expected = QuantumCircuit({n})
        expected.delay({t}, {q}, 'dt')
        assert candidate() == expected
        """,
    )


def ask_relaxation(rng: Random, _: bool) -> Question:
    t, time = rng.randrange(40, 300, 10), rng.randrange(5, 200, 5)
    left = exp(-time / t)
    if rng.random() < 0.5:
        return Question(
            f"A qubit with T1 = {t} us starts in |1>."
            f" How likely is it to be found in |1> after {time} us?",
            f"With probability exp(-{time}/{t}), about {left:.3f}.",
        )
    return Question(
        f"A qubit with T2 = {t} us starts in |+>. What is left of its coherence after {time} us?",
        f"A share of exp(-{time}/{t}), about {left:.3f}.",
    )


def ask_error_budget(rng: Random, _: bool) -> Question:
    gates, error = rng.randint(2, 60), rng.randint(1, 40) / 2000
    kind = rng.choice(("two-qubit gates", "CNOT gates", "ECR gates", "CZ gates"))
    return Question(
        f"A circuit runs {gates} {kind} with an error of {error:g} each."
        " How likely is it that none of them fails?",
        f"About (1 - {error:g})^{gates} = {(1 - error) ** gates:.3f}.",
    )
