"""Families about algorithms and the circuits and states they are made of."""

from collections.abc import Sequence
from random import Random

from ketune.synthetic.families.subjects import (
    OPERATOR,
    QC,
    SAME_OPERATOR,
    SAME_STATE,
    STATE,
    bits,
    names,
)
from ketune.synthetic.sample import Task


def ghz(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 6)
    style = rng.choice(("chain", "star"))
    body = [f"qc = QuantumCircuit({n})", "qc.h(0)"]
    body += [f"qc.cx({i if style == 'chain' else 0}, {i + 1})" for i in range(n - 1)]
    how = "a chain of CNOTs" if style == "chain" else "CNOTs from qubit 0"
    return Task(
        f"{rng.choice(('Prepare', 'Build', 'Create'))} a GHZ state of {n} qubits with {how}.",
        [*body, "return qc"],
        [
            "amplitudes = Statevector(candidate()).data",
            f"assert len(amplitudes) == {2**n}",
            "assert abs(abs(amplitudes[0]) ** 2 - 0.5) < 1e-9 and abs(amplitudes[0] - amplitudes[-1]) < 1e-9",
        ],
        names(("ghz", "prepare_ghz"), ("state", "circuit")),
        check_imports=STATE,
    )


def bell(rng: Random, _: bool, qubits: int = 3) -> Task:
    name, extra = rng.choice(
        (
            ("phi+", []),
            ("phi-", ["qc.z(0)"]),
            ("psi+", ["qc.x(0)"]),
            ("psi-", ["qc.x(0)", "qc.z(0)"]),
        )
    )
    a, b = rng.sample(range(qubits), 2)
    n = max(a, b, 1) + 1
    extra = [line.replace("(0)", f"({a})") for line in extra]
    lines = [f"qc = QuantumCircuit({n})", f"qc.h({a})", f"qc.cx({a}, {b})", *extra]
    return Task(
        f"Prepare the Bell state {name} on qubits {a} and {b} of {n}.",
        [*lines, "return qc"],
        [line.replace("qc", "expected") for line in lines] + [SAME_STATE],
        names(("bell", "prepare_bell"), ("pair", "state")),
        check_imports=STATE | QC,
    )


def bernstein_vazirani(rng: Random, _: bool, max_bits: int = 5) -> Task:
    s = bits(rng, 2, max_bits)
    n = len(s)
    body = [f"qc = QuantumCircuit({n + 1})"]
    body += [f"qc.cx({i}, {n})" for i, bit in enumerate(reversed(s)) if bit == "1"]
    return Task(
        f"Build the Bernstein-Vazirani oracle for the secret {s}, with the ancilla as the last qubit.",
        [*body, "return qc"],
        [
            "state = Operator(candidate())",
            f"oracle = QuantumCircuit({n + 1})",
            f"[oracle.cx(i, {n}) for i, b in enumerate(reversed('{s}')) if b == '1']",
            "assert state.equiv(Operator(oracle))",
        ],
        names(("bv", "secret"), ("oracle",)),
        check_imports=OPERATOR | QC,
    )


def phase_oracle(rng: Random, _: bool) -> Task:
    s = bits(rng, 2, 3)
    n = len(s)
    flips = [f"qc.x({i})" for i, bit in enumerate(reversed(s)) if bit == "0"]
    core = ["qc.cz(0, 1)"] if n == 2 else ["qc.ccz(0, 1, 2)"]
    return Task(
        f"Build a Grover oracle that flips the phase of |{s}>.",
        [f"qc = QuantumCircuit({n})", *flips, *core, *flips, "return qc"],
        [
            "import numpy as np",
            f"d = np.ones({2**n})",
            f"d[{int(s, 2)}] = -1",
            "assert Operator(candidate()).equiv(Operator(np.diag(d)))",
        ],
        names(("grover", "phase"), ("oracle",)),
        check_imports=OPERATOR,
    )


def deutsch(rng: Random, _: bool) -> Task:
    kind, n = rng.choice(("constant", "balanced")), rng.randint(1, 4)
    gates = [f"qc.x({n})"] if kind == "constant" else [f"qc.cx({i}, {n})" for i in range(n)]
    return Task(
        f"Build a {kind} Deutsch-Jozsa oracle for {n} input qubit{'s' * (n > 1)}, "
        + ("always one." if kind == "constant" else "the parity of the inputs."),
        [f"qc = QuantumCircuit({n + 1})", *gates, "return qc"],
        [
            f"expected = QuantumCircuit({n + 1})",
            *[g.replace("qc.", "expected.") for g in gates],
            SAME_OPERATOR,
        ],
        names(("dj", "deutsch_jozsa"), ("oracle",)),
        check_imports=OPERATOR | QC,
    )


def qft(rng: Random, _: bool) -> Task:
    n, inverse = rng.randint(2, 5), rng.random() < 0.4
    tail = ".inverse()" if inverse else ""
    return Task(
        f"Return the {'inverse ' * inverse}quantum Fourier transform on {n} qubits as a circuit.",
        [f"qc = QuantumCircuit({n})", f"qc.append(QFTGate({n}){tail}, range({n}))", "return qc"],
        [
            "import numpy as np",
            f"f = np.array([[np.exp(2j * np.pi * a * b / {2**n}) for a in range({2**n})] for b in range({2**n})]) / {2**n} ** 0.5",
            f"assert Operator(candidate()).equiv(Operator(f{'.conj().T' * inverse}))",
        ],
        names(("qft", "fourier"), ("circuit", "transform")),
        imports=QC | {"qiskit.circuit.library": "QFTGate"},
        check_imports=OPERATOR,
    )


def ising(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 5)
    labels = ["I" * (n - 2 - i) + "ZZ" + "I" * i for i in range(n - 1)]
    return Task(
        f"Return the Ising chain, the sum of ZZ on neighbours, for {n} qubits.",
        ["return SparsePauliOp([" + ", ".join(f'"{x}"' for x in labels) + "])"],
        [
            "import numpy as np",
            f"s = [[1 - 2 * ((k >> i) & 1) for i in range({n})] for k in range({2**n})]",
            f"assert np.allclose(candidate().to_matrix(), np.diag([sum(r[i] * r[i + 1] for i in range({n - 1})) for r in s]))",
        ],
        names(("ising", "chain"), ("op", "hamiltonian")),
        "SparsePauliOp",
        imports={"qiskit.quantum_info": "SparsePauliOp"},
    )


def trotter(
    rng: Random, _: bool, max_qubits: int = 2, times: Sequence[float] = (0.1, 0.2, 0.5, 1.0)
) -> Task:
    p = "".join(rng.choice("XYZ") for _ in range(rng.randint(1, max_qubits)))
    t = rng.choice(times)
    n = len(p)
    return Task(
        f"Evolve {n} qubit{'s' * (n > 1)} under {p} for time {t}.",
        [
            f"qc = QuantumCircuit({n})",
            f'qc.append(PauliEvolutionGate(SparsePauliOp("{p}"), time={t}), range({n}))',
            "return qc",
        ],
        [
            "from scipy.linalg import expm",
            f"assert Operator(candidate()).equiv(Operator(expm(-1j * {t} * Operator.from_label('{p}').data)))",
        ],
        names(("evolve", "trotter"), ("state", "step")),
        imports=QC
        | {"qiskit.circuit.library": "PauliEvolutionGate", "qiskit.quantum_info": "SparsePauliOp"},
        check_imports=OPERATOR,
    )


def teleport(rng: Random, _: bool) -> Task:
    a, b, c = rng.sample(range(3), 3)
    lines = [
        "qc = QuantumCircuit(3)",
        f"qc.h({b})",
        f"qc.cx({b}, {c})",
        f"qc.cx({a}, {b})",
        f"qc.h({a})",
    ]
    return Task(
        f"Build the teleportation circuit before measurement: source {a}, Bell pair on {b} and {c}.",
        [*lines, "return qc"],
        [line.replace("qc", "expected") for line in lines] + [SAME_OPERATOR],
        names(("teleport", "teleportation"), ("circuit",)),
        check_imports=OPERATOR | QC,
    )
