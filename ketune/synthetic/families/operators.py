"""Families about Pauli operators and Hamiltonians."""

from random import Random

from ketune.synthetic.families.subjects import OPERATOR, names
from ketune.synthetic.sample import Task


def pauli(rng: Random) -> str:
    return "".join(rng.choice("IXYZ") for _ in range(rng.randint(1, 4)))


def pauli_matrix(rng: Random, _: bool) -> Task:
    p = pauli(rng)
    return Task(
        f"Return the matrix of the Pauli {p}.",
        [f'return Pauli("{p}").to_matrix()'],
        ["import numpy as np", f"assert np.allclose(candidate(), Operator.from_label('{p}').data)"],
        names(("pauli", "matrix_of"), ("matrix", "pauli")),
        "ndarray",
        imports={"numpy": "ndarray", "qiskit.quantum_info": "Pauli"},
        check_imports=OPERATOR,
    )


def commute(rng: Random, _: bool) -> Task:
    n = rng.randint(1, 4)
    a, b = ("".join(rng.choice("IXYZ") for _ in range(n)) for _ in range(2))
    return Task(
        f"Return whether the Paulis {a} and {b} commute.",
        [f'return Pauli("{a}").commutes(Pauli("{b}"))'],
        [
            "import numpy as np",
            f"a, b = Operator.from_label('{a}').data, Operator.from_label('{b}').data",
            "assert candidate() is not None and bool(candidate()) == np.allclose(a @ b, b @ a)",
        ],
        names(("commute", "check"), ("paulis",)),
        "bool",
        imports={"qiskit.quantum_info": "Pauli"},
        check_imports=OPERATOR,
    )


def hamiltonian(rng: Random, _: bool) -> Task:
    n = rng.randint(1, 3)
    terms = [
        ("".join(rng.choice("IXYZ") for _ in range(n)), rng.choice((1, 2, 3, 0.5, -1)))
        for _ in range(rng.randint(2, 3))
    ]
    written = " + ".join(f"{c} {p}" for p, c in terms)
    items = ", ".join(f'("{p}", {c})' for p, c in terms)
    return Task(
        f"Return the operator {written} as a SparsePauliOp.",
        [f"return SparsePauliOp.from_list([{items}])"],
        [
            "import numpy as np",
            "m = " + " + ".join(f"{c} * Operator.from_label('{p}').data" for p, c in terms),
            "assert np.allclose(candidate().to_matrix(), m)",
        ],
        names(("hamiltonian", "observable"), ("op",)),
        "SparsePauliOp",
        imports={"qiskit.quantum_info": "SparsePauliOp"},
        check_imports=OPERATOR,
    )
