"""Families about gates by themselves: rotations, controls, layers, parameters, conditions."""

from collections.abc import Sequence
from random import Random

from ketune.synthetic.circuits import ANGLES
from ketune.synthetic.families.subjects import SAME_OPERATOR, SAME_STATE, counted, lines
from ketune.synthetic.sample import Task


def superposition(rng: Random, _: bool) -> Task:
    n = rng.randint(1, 6)
    return Task(
        f"Put {counted(n, 'qubit')} in an equal superposition.",
        "superpose|uniform qubits|state",
        f"""
        qc = QuantumCircuit({n})
        qc.h(range({n}))
        return qc
        """,
        f"""
        expected = Statevector.from_label('{"+" * n}')
        {SAME_STATE}
        """,
    )


def rotation(rng: Random, _: bool, n: int = 3, angles: Sequence[str] = ANGLES) -> Task:
    axis, angle, q = rng.choice("xyz"), rng.choice(angles), rng.randrange(n)
    return Task(
        f"Rotate qubit {q} of {n} around {axis} by {angle.replace(' ', '')}.",
        "rotate|turn qubit",
        f"""
        qc = QuantumCircuit({n})
        qc.r{axis}({angle}, {q})
        return qc
        """,
        f"""
        expected = QuantumCircuit({n})
        expected.r{axis}({angle}, {q})
        {SAME_OPERATOR}
        """,
    )


def parametric(rng: Random, _: bool) -> Task:
    axis, n = rng.choice("xyz"), rng.randint(1, 4)
    name = rng.choice(("theta", "phi", "alpha", "beta"))
    return Task(
        f"Build a {n}-qubit circuit with r{axis}({name}) on every qubit, {name} being a Parameter.",
        "ansatz|layer circuit",
        f"""
        {name} = Parameter("{name}")
        qc = QuantumCircuit({n})
        for i in range({n}):
            qc.r{axis}({name}, i)
        return qc
        """,
        f"""
        result = candidate()
        assert [p.name for p in result.parameters] == ['{name}']
        assert dict(result.count_ops()) == {{'r{axis}': {n}}}
        assert result.num_qubits == {n}
        """,
    )


def control(rng: Random, _: bool) -> Task:
    gate, k = rng.choice("xzhsy"), rng.randint(1, 3)
    cls = f"{gate.upper()}Gate"
    return Task(
        f"Return the {gate} gate with {counted(k, 'control')}.",
        f"controlled gate|{gate} -> Gate",
        f"return {cls}().control({k})",
        f"""
        import numpy as np
        m = Operator(candidate()).data
        i = {2**k - 1}
        assert m.shape == ({2 ** (k + 1)},) * 2
        assert np.allclose(m[np.ix_([i, i + {2**k}], [i, i + {2**k}])], {cls}().to_matrix())
        """,
    )


def ladder(rng: Random, _: bool) -> Task:
    n, gate = rng.randint(2, 6), rng.choice(("cx", "cz"))
    return Task(
        f"Build a ladder of {gate} gates on {n} qubits.",
        "ladder|entangle circuit",
        f"""
        qc = QuantumCircuit({n})
        for i in range({n - 1}):
            qc.{gate}(i, i + 1)
        return qc
        """,
        f"""
        expected = QuantumCircuit({n})
        [expected.{gate}(i, i + 1) for i in range({n - 1})]
        assert candidate() == expected
        """,
    )


def qasm_dump(rng: Random, _: bool) -> Task:
    n = rng.randint(1, 3)
    gates = [(rng.choice("hxyz"), qubit) for qubit in range(n)]
    written = " ".join(f"{gate} q[{qubit}];" for gate, qubit in gates)
    return Task(
        f"Dump the {n}-qubit circuit with {', '.join(f'{g} on qubit {i}' for g, i in gates)}"
        " as OpenQASM 2.",
        "dump|export qasm -> str",
        f"""
        qc = QuantumCircuit({n})
        {lines(f"qc.{g}({i})" for g, i in gates)}
        return qasm2.dumps(qc)
        """,
        f"""
        text = ' '.join(candidate().split())
        assert text.startswith('OPENQASM 2.0;') and text.endswith('{written}')
        """,
    )


def feed_forward(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 5)
    a, b = rng.sample(range(n), 2)
    first, gate, value = rng.choice(("h", "x", "y")), rng.choice("xyzh"), rng.randint(0, 1)
    return Task(
        f"Build a dynamic circuit on {n} qubits: {first} on qubit {a}, measure it into clbit 0, and"
        f" {gate} on qubit {b} only if the outcome is {value}.",
        "feed_forward|dynamic circuit|correction",
        f"""
        qc = QuantumCircuit({n}, 1)
        qc.{first}({a})
        qc.measure({a}, 0)
        with qc.if_test((qc.clbits[0], {value})):
            qc.{gate}({b})
        return qc
        """,
        f"""
        qc = candidate()
        assert [i.operation.name for i in qc.data] == ['{first}', 'measure', 'if_else']
        branch = qc.data[2].operation
        assert int(branch.condition[1]) == {value}
        assert [i.operation.name for i in branch.blocks[0].data] == ['{gate}']
        assert [qc.find_bit(q).index for q in qc.data[2].qubits] == [{b}]
        """,
    )


def rotation_layer(rng: Random, _: bool) -> Task:
    n, axis = rng.randint(2, 6), rng.choice("xyz")
    angles = [rng.randint(1, 62) / 20 for _ in range(n)]
    entangler = rng.choice(("cx", "cz"))
    return Task(
        f"Build a layer of r{axis} with the angles {angles} on qubits 0 to {n - 1}, then"
        f" {entangler} on every pair of neighbours from qubit 0 on.",
        "rotation|entangling layer|block",
        f"""
        qc = QuantumCircuit({n})
        for qubit, angle in enumerate({angles}):
            qc.r{axis}(angle, qubit)
        for qubit in range({n - 1}):
            qc.{entangler}(qubit, qubit + 1)
        return qc
        """,
        f"""
        expected = QuantumCircuit({n})
        [expected.r{axis}(a, q) for q, a in enumerate({angles})]
        [expected.{entangler}(q, q + 1) for q in range({n - 1})]
        {SAME_OPERATOR}
        """,
    )
