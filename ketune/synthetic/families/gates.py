"""Families about gates by themselves: rotations, controls, layers, parameters."""

from collections.abc import Sequence
from random import Random

from ketune.synthetic.circuits import ANGLES
from ketune.synthetic.families.subjects import OPERATOR, QC, SAME_OPERATOR, SAME_STATE, STATE, names
from ketune.synthetic.sample import Task


def superposition(rng: Random, _: bool) -> Task:
    n = rng.randint(1, 6)
    return Task(
        f"Put {n} qubit{'s' * (n > 1)} in an equal superposition.",
        [f"qc = QuantumCircuit({n})", f"qc.h(range({n}))", "return qc"],
        [f"expected = Statevector.from_label('{'+' * n}')", SAME_STATE],
        names(("superpose", "uniform"), ("qubits", "state")),
        check_imports=STATE,
    )


def rotation(rng: Random, _: bool, n: int = 3, angles: Sequence[str] = ANGLES) -> Task:
    axis, angle, q = rng.choice("xyz"), rng.choice(angles), rng.randrange(n)
    return Task(
        f"Rotate qubit {q} of {n} around {axis} by {angle.replace(' ', '')}.",
        [f"qc = QuantumCircuit({n})", f"qc.r{axis}({angle}, {q})", "return qc"],
        [
            f"expected = QuantumCircuit({n})",
            f"expected.r{axis}({angle}, {q})",
            SAME_OPERATOR,
        ],
        names(("rotate", "turn"), ("qubit",)),
        imports=QC | {"math": "pi"},
        check_imports=OPERATOR | QC | {"math": "pi"},
    )


def parametric(rng: Random, _: bool) -> Task:
    axis, n = rng.choice("xyz"), rng.randint(1, 4)
    name = rng.choice(("theta", "phi", "alpha", "beta"))
    return Task(
        f"Build a {n}-qubit circuit with r{axis}({name}) on every qubit, {name} being a Parameter.",
        [
            f'{name} = Parameter("{name}")',
            f"qc = QuantumCircuit({n})",
            f"for i in range({n}):",
            f"    qc.r{axis}({name}, i)",
            "return qc",
        ],
        [
            "result = candidate()",
            f"assert [p.name for p in result.parameters] == ['{name}']",
            f"assert dict(result.count_ops()) == {{'r{axis}': {n}}}",
            f"assert result.num_qubits == {n}",
        ],
        names(("ansatz", "layer"), ("circuit",)),
        imports=QC | {"qiskit.circuit": "Parameter"},
    )


def control(rng: Random, _: bool) -> Task:
    gate, cls, k = (
        *rng.choice(
            (("x", "XGate"), ("z", "ZGate"), ("h", "HGate"), ("s", "SGate"), ("y", "YGate"))
        ),
        rng.randint(1, 3),
    )
    return Task(
        f"Return the {gate} gate with {k} control{'s' * (k > 1)}.",
        [f"return {cls}().control({k})"],
        [
            "import numpy as np",
            "m = Operator(candidate()).data",
            f"i = {2**k - 1}",
            f"assert m.shape == ({2 ** (k + 1)},) * 2",
            f"assert np.allclose(m[np.ix_([i, i + {2**k}], [i, i + {2**k}])], {cls}().to_matrix())",
        ],
        names(("controlled",), ("gate", gate)),
        "Gate",
        imports={"qiskit.circuit": "Gate", "qiskit.circuit.library": cls},
        check_imports=OPERATOR | {"qiskit.circuit.library": cls},
    )


def ladder(rng: Random, _: bool) -> Task:
    n, gate = rng.randint(2, 6), rng.choice(("cx", "cz"))
    lines = [f"qc = QuantumCircuit({n})", f"for i in range({n - 1}):", f"    qc.{gate}(i, i + 1)"]
    return Task(
        f"Build a ladder of {gate} gates on {n} qubits.",
        [*lines, "return qc"],
        [
            f"expected = QuantumCircuit({n})",
            f"[expected.{gate}(i, i + 1) for i in range({n - 1})]",
            "assert candidate() == expected",
        ],
        names(("ladder", "entangle"), ("circuit",)),
        check_imports=QC,
    )


def qasm_dump(rng: Random, _: bool) -> Task:
    n = rng.randint(1, 3)
    gates = [rng.choice(("h", "x", "y", "z")) for _ in range(n)]
    text = " ".join(f"{g} q[{i}];" for i, g in enumerate(gates))
    return Task(
        f"Dump the {n}-qubit circuit with {', '.join(f'{g} on qubit {i}' for i, g in enumerate(gates))} as OpenQASM 2.",
        [
            f"qc = QuantumCircuit({n})",
            *[f"qc.{g}({i})" for i, g in enumerate(gates)],
            "return qasm2.dumps(qc)",
        ],
        [
            "text = ' '.join(candidate().split())",
            f"assert text.startswith('OPENQASM 2.0;') and text.endswith('{text}')",
        ],
        names(("dump", "export"), ("qasm",)),
        "str",
        imports={"qiskit": "QuantumCircuit, qasm2"},
    )
