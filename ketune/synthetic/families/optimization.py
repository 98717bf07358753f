"""Families about graphs: cuts and their operators, QAOA, graph states."""

from random import Random

from ketune.synthetic.families.graphs import GivenGraph, given_graph
from ketune.synthetic.families.subjects import SAME_STATE, counted, lines, listed
from ketune.synthetic.sample import Question, Task


def _cuts(graph: GivenGraph) -> list[int]:
    """The cut of every assignment, bit i of the index for qubit i."""
    return [graph.cut(side) for side in range(2**graph.num_qubits)]


def maxcut_operator(rng: Random, picture: bool) -> Task:
    graph = given_graph(rng, picture, "graph")
    return Task(
        f"Return the MaxCut cost of {graph.phrase} as an operator: the sum of ZZ over its edges.",
        "maxcut|cut_cost operator|hamiltonian -> SparsePauliOp",
        f"""
        edges = {graph.code}
        terms = [("ZZ", edge, 1.0) for edge in edges]
        return SparsePauliOp.from_sparse_list(terms, num_qubits={graph.num_qubits})
        """,
        f"""
        import numpy as np
        cuts = np.array({_cuts(graph)})
        assert np.allclose(candidate().to_matrix(), np.diag({len(graph.edges)} - 2 * cuts))
        """,
        graph,
    )


def qaoa(rng: Random, picture: bool) -> Task:
    graph = given_graph(rng, picture, "graph", 3, 4)
    n = graph.num_qubits
    gamma, beta = rng.randint(1, 15) / 10, rng.randint(1, 15) / 10
    return Task(
        f"Build one QAOA layer for MaxCut on {graph.phrase}, from the uniform superposition:"
        f" rzz({gamma}) on every edge and then rx({beta}) on every qubit.",
        "qaoa|qaoa_maxcut layer|circuit",
        f"""
        qc = QuantumCircuit({n})
        qc.h(range({n}))
        for a, b in {graph.code}:
            qc.rzz({gamma}, a, b)
        qc.rx({beta}, range({n}))
        return qc
        """,
        f"""
        import numpy as np
        cuts = np.array({_cuts(graph)})
        state = np.exp(-0.5j * {gamma} * ({len(graph.edges)} - 2 * cuts)) / {2**n} ** 0.5
        x = np.array([[0, 1], [1, 0]])
        turn = np.cos({beta} / 2) * np.eye(2) - 1j * np.sin({beta} / 2) * x
        for _ in range({n}):
            state = (state.reshape(2, -1).T @ turn.T).reshape(-1)
        expected = state
        {SAME_STATE}
        """,
        graph,
    )


def graph_state(rng: Random, picture: bool) -> Task:
    graph = given_graph(rng, picture, "graph")
    n = graph.num_qubits
    checks = [
        f"assert state.equiv(state.evolve(Operator.from_label('{_stabilizer(graph, qubit)}')))"
        for qubit in range(n)
    ]
    return Task(
        f"Prepare the cluster state of {graph.phrase}: |+> on every qubit, CZ on every edge.",
        "cluster|stabilizer state|of_graph",
        f"""
        qc = QuantumCircuit({n})
        qc.h(range({n}))
        for a, b in {graph.code}:
            qc.cz(a, b)
        return qc
        """,
        f"""
        state = Statevector(candidate())
        {lines(checks)}
        assert abs(state.probabilities() - 1 / {2**n}).max() < 1e-8
        """,
        graph,
    )


def _stabilizer(graph: GivenGraph, qubit: int) -> str:
    """X on the qubit and Z on its neighbours, qubit 0 rightmost."""
    near = graph.neighbours(qubit)
    others = reversed(range(graph.num_qubits))
    return "".join("X" if q == qubit else "Z" if q in near else "I" for q in others)


def ask_cut(rng: Random, picture: bool) -> Question:
    graph = given_graph(rng, picture, "graph", 4, 6)
    if rng.random() < 0.5:
        return Question(
            f"How many edges does a largest cut of {graph.phrase} have?",
            f"It has {max(_cuts(graph))} edges.",
            graph,
        )
    side = sorted(rng.sample(range(graph.num_qubits), rng.randint(1, 3)))
    cut = graph.cut(sum(2**qubit for qubit in side))
    return Question(
        f"How many edges of {graph.phrase} does the partition cut that puts"
        f" {listed(side)} on one side?",
        f"It cuts {counted(cut, 'edge')}.",
        graph,
    )
