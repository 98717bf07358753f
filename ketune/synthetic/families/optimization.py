"""Families about optimisation on graphs and variational states."""

from random import Random

from ketune.synthetic.families.graphs import GraphSubject, code_list, graph_subject
from ketune.synthetic.families.subjects import OPERATOR, QC, SAME_STATE, STATE, names
from ketune.synthetic.sample import Question, Task

_PAULIS = {"qiskit.quantum_info": "SparsePauliOp"}


def _cuts(given: GraphSubject) -> list[int]:
    """The cut of every assignment, bit i of the index for qubit i."""
    n = given.num_qubits
    return [given.cut(format(x, f"0{n}b")[::-1]) for x in range(2**n)]


def maxcut_operator(rng: Random, picture: bool) -> Task:
    given = graph_subject(rng, picture, "graph", 3, 6)
    return Task(
        f"Return the MaxCut cost of {given.phrase} as an operator: the sum of ZZ over its edges.",
        [
            f"edges = {code_list(given.edges)}",
            'terms = [("ZZ", edge, 1.0) for edge in edges]',
            f"return SparsePauliOp.from_sparse_list(terms, num_qubits={given.num_qubits})",
        ],
        [
            "import numpy as np",
            f"cuts = np.array({_cuts(given)})",
            f"assert np.allclose(candidate().to_matrix(), np.diag({len(given.edges)} - 2 * cuts))",
        ],
        names(("maxcut", "cut_cost"), ("operator", "hamiltonian")),
        "SparsePauliOp",
        imports=_PAULIS,
        picture=given.picture,
        needs_image=picture,
    )


def qaoa(rng: Random, picture: bool) -> Task:
    given = graph_subject(rng, picture, "graph", 3, 4)
    n = given.num_qubits
    gamma, beta = rng.randint(1, 15) / 10, rng.randint(1, 15) / 10
    return Task(
        f"Build one QAOA layer for MaxCut on {given.phrase}, from the uniform superposition:"
        f" rzz({gamma}) on every edge and then rx({beta}) on every qubit.",
        [
            f"qc = QuantumCircuit({n})",
            f"qc.h(range({n}))",
            f"for a, b in {code_list(given.edges)}:",
            f"    qc.rzz({gamma}, a, b)",
            f"qc.rx({beta}, range({n}))",
            "return qc",
        ],
        [
            "import numpy as np",
            f"cuts = np.array({_cuts(given)})",
            f"state = np.exp(-0.5j * {gamma} * ({len(given.edges)} - 2 * cuts)) / {2**n} ** 0.5",
            "x = np.array([[0, 1], [1, 0]])",
            f"turn = np.cos({beta} / 2) * np.eye(2) - 1j * np.sin({beta} / 2) * x",
            f"for _ in range({n}):",
            "    state = (state.reshape(2, -1).T @ turn.T).reshape(-1)",
            "expected = state",
            SAME_STATE,
        ],
        names(("qaoa", "qaoa_maxcut"), ("layer", "circuit")),
        check_imports=STATE,
        picture=given.picture,
        needs_image=picture,
    )


def graph_state(rng: Random, picture: bool) -> Task:
    given = graph_subject(rng, picture, "graph", 3, 6)
    n = given.num_qubits
    return Task(
        f"Prepare the cluster state of {given.phrase}: |+> on every qubit, CZ on every edge.",
        [
            f"qc = QuantumCircuit({n})",
            f"qc.h(range({n}))",
            f"for a, b in {code_list(given.edges)}:",
            "    qc.cz(a, b)",
            "return qc",
        ],
        [
            "state = Statevector(candidate())",
            *[
                f"assert state.equiv(state.evolve(Operator.from_label('{_stabilizer(given, q)}')))"
                for q in range(n)
            ],
            f"assert abs(state.probabilities() - 1 / {2**n}).max() < 1e-8",
        ],
        names(("cluster", "stabilizer"), ("state", "of_graph")),
        check_imports={"qiskit.quantum_info": "Operator, Statevector"},
        picture=given.picture,
        needs_image=picture,
    )


def _stabilizer(given: GraphSubject, qubit: int) -> str:
    """X on the qubit and Z on its neighbours, qubit 0 rightmost."""
    near = given.neighbours(qubit)
    letters = ["X" if q == qubit else "Z" if q in near else "I" for q in range(given.num_qubits)]
    return "".join(reversed(letters))


def weighted_ising(rng: Random, _: bool) -> Task:
    n, j, h = rng.randint(2, 6), rng.randint(1, 20) / 10, rng.randint(1, 20) / 10
    return Task(
        f"Return the transverse-field Ising chain of {n} qubits: -{j} ZZ on neighbours and -{h} X on"
        " every qubit.",
        [
            f'terms = [("ZZ", [i, i + 1], -{j}) for i in range({n - 1})]',
            f'terms += [("X", [i], -{h}) for i in range({n})]',
            f"return SparsePauliOp.from_sparse_list(terms, num_qubits={n})",
        ],
        [
            "import numpy as np",
            f"matrix = np.zeros(({2**n},) * 2)",
            f"for k in range({2**n}):",
            f"    s = [1 - 2 * (k >> i & 1) for i in range({n})]",
            f"    matrix[k, k] = -{j} * sum(s[i] * s[i + 1] for i in range({n - 1}))",
            f"    for i in range({n}):",
            f"        matrix[k ^ 1 << i, k] = -{h}",
            "assert np.allclose(candidate().to_matrix(), matrix)",
        ],
        names(("transverse", "ising"), ("field", "model")),
        "SparsePauliOp",
        imports=_PAULIS,
    )


def ansatz_energy(rng: Random, _: bool) -> Task:
    a, b = rng.randint(1, 31) / 10, rng.randint(1, 31) / 10
    terms = [(p, rng.choice((-1.5, -1.0, -0.5, 0.5, 1.0, 1.5))) for p in rng.sample(_LABELS, 2)]
    listed = ", ".join(f'("{p}", {c})' for p, c in terms)
    value = " + ".join(f"{c} * Operator.from_label('{p}').data" for p, c in terms)
    return Task(
        f"Return the energy of ry({a}) on qubit 0, ry({b}) on qubit 1, then cx from 0 to 1, for the"
        f" Hamiltonian {' + '.join(f'{c} {p}' for p, c in terms)}.",
        [
            "qc = QuantumCircuit(2)",
            f"qc.ry({a}, 0)",
            f"qc.ry({b}, 1)",
            "qc.cx(0, 1)",
            f"hamiltonian = SparsePauliOp.from_list([{listed}])",
            "job = StatevectorEstimator().run([(qc, hamiltonian)])",
            "return float(job.result()[0].data.evs)",
        ],
        [
            "import numpy as np",
            f"zero, one = np.cos([{a} / 2, {b} / 2]), np.sin([{a} / 2, {b} / 2])",
            "state = np.array([zero[1] * zero[0], one[1] * one[0], one[1] * zero[0], zero[1] * one[0]])",
            f"energy = state @ ({value}) @ state",
            "assert abs(candidate() - energy.real) < 1e-6",
        ],
        names(("ansatz", "vqe"), ("energy", "trial_energy")),
        "float",
        imports=QC | _PAULIS | {"qiskit.primitives": "StatevectorEstimator"},
        check_imports=OPERATOR,
    )


_LABELS = [a + b for a in "IXYZ" for b in "IXYZ" if a + b != "II"]


def ask_cut(rng: Random, picture: bool) -> Question:
    given = graph_subject(rng, picture, "graph", 4, 6)
    if rng.random() < 0.5:
        return Question(
            f"How many edges does a largest cut of {given.phrase} have?",
            f"It has {max(_cuts(given))} edges.",
            picture=given.picture,
            needs_image=picture,
        )
    side = sorted(rng.sample(range(given.num_qubits), rng.randint(1, 3)))
    cut = given.cut("".join("1" if q in side else "0" for q in range(given.num_qubits)))
    return Question(
        f"How many edges of {given.phrase} does the partition cut that puts"
        f" {', '.join(map(str, side))} on one side?",
        f"It cuts {cut} edge{'s' * (cut != 1)}.",
        picture=given.picture,
        needs_image=picture,
    )
