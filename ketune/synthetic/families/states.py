"""Families about the state of a given circuit, of a label or of a picture."""

from random import Random

from ketune.synthetic.families.subjects import (
    EIGENSTATES,
    SAME_STATE,
    about_circuit,
    bits,
    given_circuit,
    letters,
    lines,
    ones,
)
from ketune.synthetic.sample import Given, Picture, Question, Task

statevector = about_circuit(
    ["Return the statevector of {}", "Compute the statevector prepared by {}"],
    "state_of|statevector_of circuit|qc|program -> Statevector",
    "return Statevector(qc)",
    "assert candidate().equiv(Statevector(expected))",
)

probabilities = about_circuit(
    [
        "Return the outcome probabilities of {} as a dict",
        "Compute the probability of each outcome of {}",
    ],
    "probabilities_of|outcomes_of circuit|qc|program -> dict",
    "return Statevector(qc).probabilities_dict()",
    """
    p = candidate()
    q = Statevector(expected).probabilities_dict()
    assert all(abs(p.get(k, 0) - q.get(k, 0)) < 1e-9 for k in set(p) | set(q))
    """,
)

unitary = about_circuit(
    ["Return the unitary of {} as an Operator", "Compute the operator of {}"],
    "unitary_of|operator_of circuit|qc|program -> Operator",
    "return Operator(qc)",
    "assert candidate().equiv(Operator(expected))",
)

density = about_circuit(
    ["Return the density matrix of the state of {}", "Compute the density matrix prepared by {}"],
    "density_of circuit|qc|program -> DensityMatrix",
    "return DensityMatrix(qc)",
    """
    import numpy as np
    assert np.allclose(candidate().data, Statevector(expected).to_operator().data)
    """,
)

expectation_z = about_circuit(
    [
        "Return the expectation value of Z on every qubit for {}",
        "Compute the expectation of Z on all qubits of {}",
    ],
    "expect_z_of|z_value_of circuit|qc|program -> float",
    lambda c: f'return Statevector(qc).expectation_value(Pauli("{"Z" * c.num_qubits}")).real',
    """
    p = Statevector(expected).probabilities_dict()
    value = sum(q * (-1) ** k.count("1") for k, q in p.items())
    assert abs(candidate() - value) < 1e-9
    """,
)


# Row r, column q: the amplitude with qubit 0 in q and the others in r.
_AMPLITUDES = lines(["import numpy as np", "m = Statevector(expected).data.reshape(-1, 2)"])
# Squared Schmidt coefficients of qubit 0 with the rest.
SCHMIDT = lines([_AMPLITUDES, "p = np.linalg.svd(m, compute_uv=False) ** 2"])

entropy = about_circuit(
    [
        "Return the entanglement entropy in bits of qubit 0 with the rest of {}",
        "Compute the entropy in bits of qubit 0's reduced state in {}",
    ],
    "entropy_of|entanglement_of circuit|qc|program -> float",
    lambda c: (
        f"""
    rest = list(range(1, {c.num_qubits}))
    return float(entropy(partial_trace(Statevector(qc), rest), base=2))
    """
    ),
    f"""
    {SCHMIDT}
    p = p[p > 1e-12]
    assert abs(candidate() + (p * np.log2(p)).sum()) < 1e-6
    """,
    min_qubits=2,
)

purity = about_circuit(
    ["Return the purity of qubit 0 after {}", "Compute the purity of qubit 0's state in {}"],
    "purity_of|qubit_purity_of circuit|qc|program -> float",
    lambda c: (
        f"""
    reduced = partial_trace(Statevector(qc), list(range(1, {c.num_qubits})))
    return float(reduced.purity().real)
    """
    ),
    f"""
    {SCHMIDT}
    assert abs(candidate() - (p**2).sum()) < 1e-6
    """,
    min_qubits=2,
)

schmidt_rank = about_circuit(
    ["Return the Schmidt rank of {} between qubit 0 and the rest"],
    "schmidt_rank_of|rank_of circuit|qc|program -> int",
    "return len(schmidt_decomposition(Statevector(qc), [0]))",
    f"""
    {_AMPLITUDES}
    assert candidate() == np.linalg.matrix_rank(m, tol=1e-8)
    """,
    min_qubits=2,
)

bloch_vector = about_circuit(
    [
        "Return the Bloch vector of qubit 0 after {} as a list",
        "Compute qubit 0's Bloch vector in {}",
    ],
    "bloch_vector_of|bloch_of circuit|qc|program -> list",
    lambda c: (
        f"""
    reduced = partial_trace(Statevector(qc), list(range(1, {c.num_qubits})))
    return [float(reduced.expectation_value(Pauli(p)).real) for p in "XYZ"]
    """
    ),
    f"""
    {_AMPLITUDES}
    rho = m.T @ m.conj()
    vector = [2 * rho[1, 0].real, 2 * rho[1, 0].imag, (rho[0, 0] - rho[1, 1]).real]
    assert np.allclose(candidate(), vector, atol=1e-8)
    """,
)


def outcome_in_basis(rng: Random, picture: bool) -> Task:
    given = given_circuit(rng, picture)
    basis, qubit = rng.choice("XY"), rng.randrange(given.num_qubits)
    label = "I" * (given.num_qubits - 1 - qubit) + basis + "I" * qubit
    return Task(
        f"Return the probability of outcome 1 when qubit {qubit} of {given.phrase} is measured in"
        f" the {basis} basis.",
        f"one_probability|outcome_one in_{basis.lower()}|{basis.lower()}_basis -> float",
        f"""
        {f"qc.sdg({qubit})" if basis == "Y" else ""}
        qc.h({qubit})
        return float(Statevector(qc).probabilities([{qubit}])[1])
        """,
        f"""
        value = Statevector(expected).expectation_value(Pauli('{label}')).real
        assert abs(candidate() - (1 - value) / 2) < 1e-8
        """,
        given,
    )


def basis_state(rng: Random, _: bool, max_bits: int = 4) -> Task:
    text = bits(rng, high=max_bits)
    return Task(
        f"Prepare the basis state |{text}>, qubit 0 rightmost.",
        "prepare|encode bits|state",
        f"""
        qc = QuantumCircuit({len(text)})
        {lines(f"qc.x({qubit})" for qubit in ones(text))}
        return qc
        """,
        f"""
        expected = Statevector.from_label('{text}')
        {SAME_STATE}
        """,
    )


def label_state(rng: Random, _: bool) -> Task:
    label = letters(rng, EIGENSTATES, rng.randint(1, 4))
    return Task(
        f"Return the statevector of the label '{label}'.",
        "label|state_of state|label -> Statevector",
        f'return Statevector.from_label("{label}")',
        f"assert candidate().equiv(Statevector.from_label('{label}'))",
    )


def bloch_state(rng: Random, _: bool) -> Task:
    label = rng.choice(EIGENSTATES)
    return Task(
        "Return the statevector of the qubit on the Bloch sphere shown.",
        "bloch|sphere state -> Statevector",
        f'return Statevector.from_label("{label}")',
        f"assert candidate().equiv(Statevector.from_label('{label}'))",
        Given(picture=Picture(bloch=label)),
    )


def fidelity(rng: Random, _: bool) -> Task:
    label = letters(rng, "01+-", rng.randint(2, 3))
    other = letters(rng, "01+-", len(label))
    return Task(
        f"Return the state fidelity of '{label}' and '{other}'.",
        "fidelity|overlap of_states -> float",
        f'return state_fidelity(Statevector.from_label("{label}"),'
        f' Statevector.from_label("{other}"))',
        f"""
        a, b = Statevector.from_label('{label}'), Statevector.from_label('{other}')
        assert abs(candidate() - abs(a.inner(b)) ** 2) < 1e-9
        """,
    )


def reduced(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 3)
    label, q = letters(rng, EIGENSTATES, n), rng.randrange(n)
    return Task(
        f"Trace qubit {q} out of the state '{label}'.",
        "trace|reduce state -> DensityMatrix",
        f'return partial_trace(Statevector.from_label("{label}"), [{q}])',
        f"""
        from qiskit.quantum_info import DensityMatrix
        label = '{label}'
        rest = label[:{n - 1 - q}] + label[{n - q}:]
        assert candidate() == DensityMatrix.from_label(rest)
        """,
    )


def ask_probability(rng: Random, _: bool) -> Question:
    label = letters(rng, EIGENSTATES, rng.randint(1, 4))
    outcome = "".join(bit if bit in "01" else rng.choice("01") for bit in label)
    if rng.random() < 0.2:
        outcome = letters(rng, "01", len(label))
    superposed = sum(letter not in "01" for letter in label)
    fits = all(letter in (bit, *"+-rl") for letter, bit in zip(label, outcome, strict=True))
    answer = f"1/{2**superposed}" if superposed else "1"
    return Question(
        f"How likely is the outcome {outcome} when the state '{label}' is measured?",
        f"Its probability is {answer if fits else 0}.",
    )
