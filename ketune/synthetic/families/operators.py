"""Families about Pauli operators: Hamiltonians, their energies, evolution under them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

from ketune.synthetic.families.subjects import PAULIS, counted, letters, listed
from ketune.synthetic.sample import Question, Task


@dataclass(frozen=True)
class PauliSum:
    """Paulis and their coefficients, and the ways in which tasks write their sum."""

    terms: Sequence[tuple[str, float]]

    @property
    def text(self) -> str:
        """`2 XZ + 0.5 YY`."""
        return " + ".join(f"{c} {p}" for p, c in self.terms)

    @property
    def pairs(self) -> str:
        """Python: the items of a list for SparsePauliOp.from_list."""
        return ", ".join(f'("{p}", {c})' for p, c in self.terms)

    @property
    def matrix(self) -> str:
        """Python: the matrix, without SparsePauliOp."""
        return " + ".join(f"{c} * Operator.from_label('{p}').data" for p, c in self.terms)


def pauli_matrix(rng: Random, _: bool) -> Task:
    p = letters(rng, PAULIS, rng.randint(1, 4))
    return Task(
        f"Return the matrix of the Pauli {p}.",
        "pauli|matrix_of matrix|pauli -> ndarray",
        f'return Pauli("{p}").to_matrix()',
        f"""
        import numpy as np
        assert np.allclose(candidate(), Operator.from_label('{p}').data)
        """,
    )


def commute(rng: Random, _: bool) -> Task:
    n = rng.randint(1, 4)
    a, b = letters(rng, PAULIS, n), letters(rng, PAULIS, n)
    return Task(
        f"Return whether the Paulis {a} and {b} commute.",
        "commute|check paulis -> bool",
        f'return Pauli("{a}").commutes(Pauli("{b}"))',
        f"""
        import numpy as np
        a, b = Operator.from_label('{a}').data, Operator.from_label('{b}').data
        assert candidate() is not None and bool(candidate()) == np.allclose(a @ b, b @ a)
        """,
    )


def hamiltonian(rng: Random, _: bool) -> Task:
    n = rng.randint(1, 3)
    count = rng.randint(2, 3)
    terms = [(letters(rng, PAULIS, n), rng.choice((1, 2, 3, 0.5, -1))) for _ in range(count)]
    operator = PauliSum(terms)
    return Task(
        f"Return the operator {operator.text} as a SparsePauliOp.",
        "hamiltonian|observable op -> SparsePauliOp",
        f"return SparsePauliOp.from_list([{operator.pairs}])",
        f"""
        import numpy as np
        m = {operator.matrix}
        assert np.allclose(candidate().to_matrix(), m)
        """,
    )


def ising(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 5)
    labels = [f'"{"I" * (n - 2 - i)}ZZ{"I" * i}"' for i in range(n - 1)]
    return Task(
        f"Return the Ising chain, the sum of ZZ on neighbours, for {n} qubits.",
        "ising|chain op|hamiltonian -> SparsePauliOp",
        f"return SparsePauliOp([{listed(labels)}])",
        f"""
        import numpy as np
        s = [[1 - 2 * ((k >> i) & 1) for i in range({n})] for k in range({2**n})]
        assert np.allclose(candidate().to_matrix(), np.diag([sum(r[i] * r[i + 1] for i in range({n - 1})) for r in s]))
        """,
    )


def weighted_ising(rng: Random, _: bool) -> Task:
    n, j, h = rng.randint(2, 6), rng.randint(1, 20) / 10, rng.randint(1, 20) / 10
    return Task(
        f"Return the transverse-field Ising chain of {n} qubits: -{j} ZZ on neighbours and -{h} X"
        " on every qubit.",
        "transverse|ising field|model -> SparsePauliOp",
        f"""
        terms = [("ZZ", [i, i + 1], -{j}) for i in range({n - 1})]
        terms += [("X", [i], -{h}) for i in range({n})]
        return SparsePauliOp.from_sparse_list(terms, num_qubits={n})
        """,
        f"""
        import numpy as np
        matrix = np.zeros(({2**n},) * 2)
        for k in range({2**n}):
            s = [1 - 2 * (k >> i & 1) for i in range({n})]
            matrix[k, k] = -{j} * sum(s[i] * s[i + 1] for i in range({n - 1}))
            for i in range({n}):
                matrix[k ^ 1 << i, k] = -{h}
        assert np.allclose(candidate().to_matrix(), matrix)
        """,
    )


def ansatz_energy(rng: Random, _: bool) -> Task:
    a, b = rng.randint(1, 31) / 10, rng.randint(1, 31) / 10
    labels = rng.sample(_non_identities(2), 2)
    energy = PauliSum([(p, rng.choice((-1.5, -1.0, -0.5, 0.5, 1.0, 1.5))) for p in labels])
    return Task(
        f"Return the energy of ry({a}) on qubit 0, ry({b}) on qubit 1, then cx from 0 to 1, for the"
        f" Hamiltonian {energy.text}.",
        "ansatz|vqe energy|trial_energy -> float",
        f"""
        qc = QuantumCircuit(2)
        qc.ry({a}, 0)
        qc.ry({b}, 1)
        qc.cx(0, 1)
        hamiltonian = SparsePauliOp.from_list([{energy.pairs}])
        job = StatevectorEstimator().run([(qc, hamiltonian)])
        return float(job.result()[0].data.evs)
        """,
        f"""
        import numpy as np
        zero, one = np.cos([{a} / 2, {b} / 2]), np.sin([{a} / 2, {b} / 2])
        state = np.array([zero[1] * zero[0], one[1] * one[0], one[1] * zero[0], zero[1] * one[0]])
        energy = state @ ({energy.matrix}) @ state
        assert abs(candidate() - energy.real) < 1e-6
        """,
    )


def trotter(
    rng: Random, _: bool, max_qubits: int = 2, times: Sequence[float] = (0.1, 0.2, 0.5, 1.0)
) -> Task:
    p = letters(rng, "XYZ", rng.randint(1, max_qubits))
    t, n = rng.choice(times), len(p)
    return Task(
        f"Evolve {counted(n, 'qubit')} under {p} for time {t}.",
        "evolve|trotter state|step",
        f"""
        qc = QuantumCircuit({n})
        qc.append(PauliEvolutionGate(SparsePauliOp("{p}"), time={t}), range({n}))
        return qc
        """,
        f"""
        from scipy.linalg import expm
        assert Operator(candidate()).equiv(Operator(expm(-1j * {t} * Operator.from_label('{p}').data)))
        """,
    )


def trotter_terms(rng: Random, _: bool) -> Task:
    n, reps, time = rng.randint(2, 3), rng.randint(1, 3), rng.randint(1, 20) / 10
    labels = rng.sample(_non_identities(n), 2)
    operator = PauliSum([(p, rng.choice((0.5, 1.0, 1.5, 2.0))) for p in labels])
    (p, first), (q, second) = operator.terms
    return Task(
        f"Evolve under {operator.text} for time {time} with"
        f" {counted(reps, 'first-order Trotter step')}, the terms in this order.",
        "trotter|evolve steps|terms",
        f"""
        operator = SparsePauliOp.from_list([{operator.pairs}])
        gate = PauliEvolutionGate(operator, {time}, synthesis=LieTrotter(reps={reps}))
        qc = QuantumCircuit({n})
        qc.append(gate, range({n}))
        return qc.decompose()
        """,
        f"""
        from scipy.linalg import expm
        first = expm(-1j * {first} * {time} / {reps} * Operator.from_label('{p}').data)
        second = expm(-1j * {second} * {time} / {reps} * Operator.from_label('{q}').data)
        step = Operator(second @ first)
        assert Operator(candidate()).equiv(step.power({reps}))
        """,
    )


def _non_identities(n: int) -> list[str]:
    """All Paulis on `n` qubits but the identity, in alphabetical order."""
    return ["".join(label) for label in product(PAULIS, repeat=n) if set(label) != {"I"}]


def ask_commute(rng: Random, _: bool) -> Question:
    n = rng.randint(2, 5)
    a, b = letters(rng, PAULIS, n), letters(rng, PAULIS, n)
    differ = sum(p != q and "I" not in (p, q) for p, q in zip(a, b, strict=True))
    return Question(
        f"Do the Paulis {a} and {b} commute?",
        f"{'No' if differ % 2 else 'Yes'}, they anticommute in {counted(differ, 'place')}.",
    )
