"""Families about noise channels acting on given circuits and states."""

from math import exp
from random import Random

from ketune.synthetic.families.entanglement import SCHMIDT
from ketune.synthetic.families.subjects import LARGE, NOUNS, STATE, circuit_task, names, subject
from ketune.synthetic.sample import Question, Task

INFO = "qiskit.quantum_info"
NOISE = "qiskit_aer.noise"


def _probability(rng: Random) -> float:
    return rng.randint(1, 60) / 200


def depolarized_purity(rng: Random, picture: bool) -> Task:
    given, p = subject(rng, picture, size=LARGE), _probability(rng)
    return circuit_task(
        given,
        f"Return the purity of {{}} after a depolarizing error of {p} on qubit 0",
        [
            f"noisy = DensityMatrix(qc).evolve(depolarizing_error({p}, 1), qargs=[0])",
            "return float(noisy.purity().real)",
        ],
        [
            *SCHMIDT,
            f"assert abs(candidate() - (1 - {p}) ** 2 - {p} * (1 - {p} / 2) * (p**2).sum()) < 1e-6",
        ],
        names(("purity_after_noise", "noisy_purity"), NOUNS),
        "float",
        imports={INFO: "DensityMatrix", NOISE: "depolarizing_error"},
        check_imports=STATE,
    )


def depolarized_fidelity(rng: Random, picture: bool) -> Task:
    given, p = subject(rng, picture, size=LARGE), _probability(rng)
    qubit = rng.randrange(given.circuit.num_qubits)
    return circuit_task(
        given,
        f"Return the fidelity of {{}} before and after a bit flip of qubit {qubit} with probability {p}",
        [
            f'flip = pauli_error([("X", {p}), ("I", 1 - {p})])',
            f"noisy = DensityMatrix(qc).evolve(flip, qargs=[{qubit}])",
            "return float(state_fidelity(Statevector(qc), noisy))",
        ],
        [
            "state, flipped = Statevector(expected), expected.copy()",
            f"flipped.x({qubit})",
            f"value = 1 - {p} + {p} * abs(state.inner(Statevector(flipped))) ** 2",
            "assert abs(candidate() - value) < 1e-6",
        ],
        names(("noisy_fidelity", "fidelity_after_flip"), NOUNS),
        "float",
        imports={INFO: "DensityMatrix, Statevector, state_fidelity", NOISE: "pauli_error"},
        check_imports=STATE,
    )


def noisy_z(rng: Random, picture: bool) -> Task:
    given, p = subject(rng, picture, size=LARGE), _probability(rng)
    kind = rng.choice(("amplitude", "phase"))
    after = f"{p} + (1 - {p}) * z" if kind == "amplitude" else "z"
    return circuit_task(
        given,
        f"Return the expectation of Z on qubit 0 of {{}} after {kind} damping of qubit 0 by {p}",
        [
            f"noisy = DensityMatrix(qc).evolve({kind}_damping_error({p}), qargs=[0])",
            'return float(noisy.expectation_value(Pauli("Z"), qargs=[0]).real)',
        ],
        [
            "p = Statevector(expected).probabilities([0])",
            "z = p[0] - p[1]",
            f"assert abs(candidate() - ({after})) < 1e-6",
        ],
        names(("damped_z", "noisy_z"), NOUNS),
        "float",
        imports={INFO: "DensityMatrix, Pauli", NOISE: f"{kind}_damping_error"},
        check_imports=STATE,
    )


def relaxation(rng: Random, _: bool) -> Task:
    t1 = rng.randrange(40, 300, 10)
    t2, time = rng.randrange(20, 2 * t1, 10), rng.randrange(5, 100, 5)
    return Task(
        f"Return the density matrix of |+> after thermal relaxation for {time} us"
        f" with T1 = {t1} us and T2 = {t2} us.",
        [
            f"error = thermal_relaxation_error({t1}, {t2}, {time})",
            'return DensityMatrix.from_label("+").evolve(error)',
        ],
        [
            "rho = candidate().data",
            f"assert abs(abs(rho[0, 1]) - {exp(-time / t2) / 2!r}) < 1e-6",
            f"assert abs(rho[1, 1].real - {exp(-time / t1) / 2!r}) < 1e-6",
        ],
        names(("relax", "thermal"), ("state", "plus_state")),
        "DensityMatrix",
        imports={INFO: "DensityMatrix", NOISE: "thermal_relaxation_error"},
    )


def pauli_channel(rng: Random, _: bool) -> Task:
    label = "".join(rng.choice("01+-rl") for _ in range(rng.randint(1, 2)))
    qubit, p = rng.randrange(len(label)), _probability(rng)
    pauli, word = rng.choice((("X", "bit"), ("Z", "phase"), ("Y", "bit-phase")))
    return Task(
        f"Return the density matrix of the state '{label}' after a {word} flip of qubit {qubit}"
        f" with probability {p}.",
        [
            f'error = pauli_error([("{pauli}", {p}), ("I", 1 - {p})])',
            f'return DensityMatrix.from_label("{label}").evolve(error, qargs=[{qubit}])',
        ],
        [
            "import numpy as np",
            f"rho = DensityMatrix.from_label('{label}').data",
            f"k = Operator.from_label('{'I' * (len(label) - 1 - qubit)}{pauli}{'I' * qubit}').data",
            f"assert np.allclose(candidate().data, (1 - {p}) * rho + {p} * k @ rho @ k.conj().T)",
        ],
        names(("flip", "pauli_noise"), ("on_state", "channel")),
        "DensityMatrix",
        imports={INFO: "DensityMatrix", NOISE: "pauli_error"},
        check_imports={INFO: "DensityMatrix, Operator"},
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
