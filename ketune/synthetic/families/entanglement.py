"""Families about one qubit of a circuit's state and its entanglement with the others."""

from random import Random

from ketune.synthetic.families.subjects import (
    LARGE,
    NOUNS,
    STATE,
    about_circuit,
    circuit_task,
    names,
    subject,
)
from ketune.synthetic.sample import Task

INFO = "qiskit.quantum_info"
# Row r, column q: the amplitude with qubit 0 in q and the others in r.
_MATRIX = ["import numpy as np", "m = Statevector(expected).data.reshape(-1, 2)"]
# Squared Schmidt coefficients of qubit 0 with the rest.
SCHMIDT = [*_MATRIX, "p = np.linalg.svd(m, compute_uv=False) ** 2"]

entropy = about_circuit(
    [
        "Return the entanglement entropy in bits of qubit 0 with the rest of {}",
        "Compute the entropy in bits of qubit 0's reduced state in {}",
    ],
    lambda c: [
        f"rest = list(range(1, {c.num_qubits}))",
        "return float(entropy(partial_trace(Statevector(qc), rest), base=2))",
    ],
    lambda c: [
        *SCHMIDT,
        "p = p[p > 1e-12]",
        "assert abs(candidate() + (p * np.log2(p)).sum()) < 1e-6",
    ],
    names(("entropy_of", "entanglement_of"), NOUNS),
    "float",
    imports={INFO: "Statevector, entropy, partial_trace"},
    check_imports=STATE,
    min_qubits=2,
)


purity = about_circuit(
    ["Return the purity of qubit 0 after {}", "Compute the purity of qubit 0's state in {}"],
    lambda c: [
        f"reduced = partial_trace(Statevector(qc), list(range(1, {c.num_qubits})))",
        "return float(reduced.purity().real)",
    ],
    lambda c: [*SCHMIDT, "assert abs(candidate() - (p**2).sum()) < 1e-6"],
    names(("purity_of", "qubit_purity_of"), NOUNS),
    "float",
    imports={INFO: "Statevector, partial_trace"},
    check_imports=STATE,
    min_qubits=2,
)


schmidt_rank = about_circuit(
    ["Return the Schmidt rank of {} between qubit 0 and the rest"],
    lambda c: ["return len(schmidt_decomposition(Statevector(qc), [0]))"],
    lambda c: [*_MATRIX, "assert candidate() == np.linalg.matrix_rank(m, tol=1e-8)"],
    names(("schmidt_rank_of", "rank_of"), NOUNS),
    "int",
    imports={INFO: "Statevector, schmidt_decomposition"},
    check_imports=STATE,
    min_qubits=2,
)


bloch_vector = about_circuit(
    [
        "Return the Bloch vector of qubit 0 after {} as a list",
        "Compute qubit 0's Bloch vector in {}",
    ],
    lambda c: [
        f"reduced = partial_trace(Statevector(qc), list(range(1, {c.num_qubits})))",
        'return [float(reduced.expectation_value(Pauli(p)).real) for p in "XYZ"]',
    ],
    lambda c: [
        *_MATRIX,
        "rho = m.T @ m.conj()",
        "vector = [2 * rho[1, 0].real, 2 * rho[1, 0].imag, (rho[0, 0] - rho[1, 1]).real]",
        "assert np.allclose(candidate(), vector, atol=1e-8)",
    ],
    names(("bloch_vector_of", "bloch_of"), NOUNS),
    "list",
    imports={INFO: "Pauli, Statevector, partial_trace"},
    check_imports=STATE,
)


def outcome_in_basis(rng: Random, picture: bool) -> Task:
    given = subject(rng, picture, size=LARGE)
    basis, qubit = rng.choice("XY"), rng.randrange(given.circuit.num_qubits)
    turn = [f"qc.sdg({qubit})"] * (basis == "Y") + [f"qc.h({qubit})"]
    label = "I" * (given.circuit.num_qubits - 1 - qubit) + basis + "I" * qubit
    return circuit_task(
        given,
        "Return the probability of outcome 1 when qubit "
        + f"{qubit} of {{}} is measured in the {basis} basis",
        [*turn, f"return float(Statevector(qc).probabilities([{qubit}])[1])"],
        [
            f"value = Statevector(expected).expectation_value(Pauli('{label}')).real",
            "assert abs(candidate() - (1 - value) / 2) < 1e-8",
        ],
        names(
            ("one_probability", "outcome_one"), (f"in_{basis.lower()}", f"{basis.lower()}_basis")
        ),
        "float",
        imports=STATE,
        check_imports={INFO: "Pauli, Statevector"},
    )
