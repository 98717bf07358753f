"""Families with a definition of their own: algorithms, states, operators, hardware, noise."""

from collections.abc import Callable, Sequence
from random import Random

from stages.synthetic.circuits import ANGLES
from stages.synthetic.families.questions import histogram_counts
from stages.synthetic.families.subjects import names
from stages.synthetic.sample import Family, Picture, Task

ALGORITHMS, INFO = "algorithms_and_applications", "quantum_info_and_operators"
HARDWARE, NOISE = "hardware_and_providers", "noise_and_error_mitigation"
RUN, TRANSPILE, CIRCUITS = (
    "primitives_and_execution", "transpilation_and_compilation", "circuits_and_gates",
)  # fmt: skip
QC = {"qiskit": "QuantumCircuit"}
STATE = {"qiskit.quantum_info": "Statevector"}
OPERATOR = {"qiskit.quantum_info": "Operator"}
EQUIV = "assert Statevector(candidate()).equiv(Statevector(expected))"


def task(
    ask: str,
    body: Sequence[str],
    check: Sequence[str],
    task_names: Sequence[str],
    returns: str = "QuantumCircuit",
    imports: dict[str, str] | None = None,
    check_imports: dict[str, str] | None = None,
    arguments: str = "",
) -> Task:
    return Task(
        ask=ask,
        body=tuple(body),
        check=tuple(check),
        names=tuple(task_names),
        returns=returns,
        arguments=arguments,
        imports=QC if imports is None else imports,
        check_imports=check_imports or {},
    )


def bits(rng: Random, low: int = 2, high: int = 4) -> str:
    length = rng.randint(low, high)
    while True:
        text = "".join(rng.choice("01") for _ in range(length))
        if "1" in text:
            return text


def ghz(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 6)
    style = rng.choice(("chain", "star"))
    body = [f"qc = QuantumCircuit({n})", "qc.h(0)"]
    body += [f"qc.cx({i if style == 'chain' else 0}, {i + 1})" for i in range(n - 1)]
    how = "a chain of CNOTs" if style == "chain" else "CNOTs from qubit 0"
    return task(
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


def basis_state(rng: Random, _: bool) -> Task:
    text = bits(rng)
    body = [f"qc = QuantumCircuit({len(text)})"] + [
        f"qc.x({i})" for i, bit in enumerate(reversed(text)) if bit == "1"
    ]
    return task(
        f"Prepare the basis state |{text}>, qubit 0 rightmost.",
        [*body, "return qc"],
        [f"expected = Statevector.from_label('{text}')", EQUIV],
        names(("prepare", "encode"), ("bits", "state")),
        check_imports=STATE,
    )


def superposition(rng: Random, _: bool) -> Task:
    n = rng.randint(1, 6)
    return task(
        f"Put {n} qubit{'s' * (n > 1)} in an equal superposition.",
        [f"qc = QuantumCircuit({n})", f"qc.h(range({n}))", "return qc"],
        [f"expected = Statevector.from_label('{'+' * n}')", EQUIV],
        names(("superpose", "uniform"), ("qubits", "state")),
        check_imports=STATE,
    )


def label_state(rng: Random, _: bool) -> Task:
    label = "".join(rng.choice("01+-rl") for _ in range(rng.randint(1, 4)))
    return task(
        f"Return the statevector of the label '{label}'.",
        [f'return Statevector.from_label("{label}")'],
        [f"assert candidate().equiv(Statevector.from_label('{label}'))"],
        names(("label", "state_of"), ("state", "label")),
        "Statevector",
        imports=STATE,
        check_imports=STATE,
    )


def bernstein_vazirani(rng: Random, _: bool) -> Task:
    s = bits(rng, 2, 5)
    n = len(s)
    body = [f"qc = QuantumCircuit({n + 1})", f"qc.x({n})"]
    body += [f"qc.cx({i}, {n})" for i, bit in enumerate(reversed(s)) if bit == "1"]
    body.pop(1)
    return task(
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
    return task(
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
    return task(
        f"Build a {kind} Deutsch-Jozsa oracle for {n} input qubit{'s' * (n > 1)}, "
        + ("always one." if kind == "constant" else "the parity of the inputs."),
        [f"qc = QuantumCircuit({n + 1})", *gates, "return qc"],
        [
            f"expected = QuantumCircuit({n + 1})",
            *[g.replace("qc.", "expected.") for g in gates],
            "assert Operator(candidate()).equiv(Operator(expected))",
        ],
        names(("dj", "deutsch_jozsa"), ("oracle",)),
        check_imports=OPERATOR | QC,
    )


def qft(rng: Random, _: bool) -> Task:
    n, inverse = rng.randint(2, 5), rng.random() < 0.4
    tail = ".inverse()" if inverse else ""
    return task(
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


def bell(rng: Random, _: bool) -> Task:
    name, extra = rng.choice(
        (
            ("phi+", []),
            ("phi-", ["qc.z(0)"]),
            ("psi+", ["qc.x(0)"]),
            ("psi-", ["qc.x(0)", "qc.z(0)"]),
        )
    )
    a, b = rng.sample(range(3), 2)
    n = max(a, b, 1) + 1
    extra = [line.replace("(0)", f"({a})") for line in extra]
    lines = [f"qc = QuantumCircuit({n})", f"qc.h({a})", f"qc.cx({a}, {b})", *extra]
    return task(
        f"Prepare the Bell state {name} on qubits {a} and {b} of {n}.",
        [*lines, "return qc"],
        [line.replace("qc", "expected").replace("expected = ", "expected = ") for line in lines]
        + [EQUIV],
        names(("bell", "prepare_bell"), ("pair", "state")),
        check_imports=STATE | QC,
    )


def rotation(rng: Random, _: bool) -> Task:
    axis, angle, q, n = rng.choice("xyz"), rng.choice(ANGLES), rng.randrange(3), 3
    return task(
        f"Rotate qubit {q} of {n} around {axis} by {angle.replace(' ', '')}.",
        [f"qc = QuantumCircuit({n})", f"qc.r{axis}({angle}, {q})", "return qc"],
        [
            f"expected = QuantumCircuit({n})",
            f"expected.r{axis}({angle}, {q})",
            "assert Operator(candidate()).equiv(Operator(expected))",
        ],
        names(("rotate", "turn"), ("qubit",)),
        imports=QC | {"math": "pi"},
        check_imports=OPERATOR | QC | {"math": "pi"},
    )


def parametric(rng: Random, _: bool) -> Task:
    axis, n = rng.choice("xyz"), rng.randint(1, 4)
    name = rng.choice(("theta", "phi", "alpha", "beta"))
    return task(
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


def pauli(rng: Random) -> str:
    return "".join(rng.choice("IXYZ") for _ in range(rng.randint(1, 4)))


def pauli_matrix(rng: Random, _: bool) -> Task:
    p = pauli(rng)
    return task(
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
    return task(
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
    return task(
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


def ising(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 5)
    labels = ["I" * (n - 2 - i) + "ZZ" + "I" * i for i in range(n - 1)]
    return task(
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


def entropy(rng: Random, _: bool) -> Task:
    label = "".join(rng.choice("01+-") for _ in range(rng.randint(2, 3)))
    other = "".join(rng.choice("01+-") for _ in range(len(label)))
    return task(
        f"Return the state fidelity of '{label}' and '{other}'.",
        [
            f'return state_fidelity(Statevector.from_label("{label}"), Statevector.from_label("{other}"))'
        ],
        [
            f"a, b = Statevector.from_label('{label}'), Statevector.from_label('{other}')",
            "assert abs(candidate() - abs(a.inner(b)) ** 2) < 1e-9",
        ],
        names(("fidelity", "overlap"), ("of_states",)),
        "float",
        imports={"qiskit.quantum_info": "Statevector, state_fidelity"},
        check_imports=STATE,
    )


def reduced(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 3)
    label, q = "".join(rng.choice("01+-rl") for _ in range(n)), rng.randrange(n)
    return task(
        f"Trace qubit {q} out of the state '{label}'.",
        [f'return partial_trace(Statevector.from_label("{label}"), [{q}])'],
        [
            "from qiskit.quantum_info import DensityMatrix",
            f"label = '{label}'",
            f"rest = label[:{n - 1 - q}] + label[{n - q}:]",
            "assert candidate() == DensityMatrix.from_label(rest)",
        ],
        names(("trace", "reduce"), ("state",)),
        "DensityMatrix",
        imports={"qiskit.quantum_info": "DensityMatrix, Statevector, partial_trace"},
    )


def coupling(rng: Random, _: bool) -> Task:
    kind, n = rng.choice(("line", "ring", "full")), rng.randint(3, 9)
    edges = {"line": n - 1, "ring": n, "full": n * (n - 1) // 2}[kind]
    return task(
        f"Return a coupling map of {n} qubits in a {'fully connected graph' if kind == 'full' else kind}.",
        [f"return CouplingMap.from_{kind}({n})"],
        [
            "edges = {tuple(sorted(e)) for e in candidate().get_edges()}",
            f"assert len(edges) == {edges} and candidate().size() == {n}",
        ],
        names(("coupling", kind), ("map",)),
        "CouplingMap",
        imports={"qiskit.transpiler": "CouplingMap"},
    )


def distance(rng: Random, _: bool) -> Task:
    n = rng.randint(4, 9)
    a, b = sorted(rng.sample(range(n), 2))
    return task(
        f"Return the distance of qubits {a} and {b} on a line of {n} qubits.",
        [f"return int(CouplingMap.from_line({n}).distance({a}, {b}))"],
        [f"assert candidate() == {b - a}"],
        names(("distance", "hops"), ("on_line", "between")),
        "int",
        imports={"qiskit.transpiler": "CouplingMap"},
    )


def backend(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 12)
    gates = rng.choice((("cx", "rz", "sx", "x"), ("cz", "rz", "sx", "x"), ("cx", "h", "rz")))
    listed = ", ".join(f'"{g}"' for g in gates)
    return task(
        f"Return a GenericBackendV2 with {n} qubits and the basis gates {', '.join(gates)}.",
        [f"return GenericBackendV2({n}, basis_gates=[{listed}], seed=1)"],
        [
            "b = candidate()",
            f"assert b.num_qubits == {n} and {set(gates)!r} <= set(b.operation_names)".replace(
                repr(set(gates)), "{" + ", ".join(repr(g) for g in gates) + "}"
            ),
        ],
        names(("backend", "generic"), ("device",)),
        "GenericBackendV2",
        imports={"qiskit.providers.fake_provider": "GenericBackendV2"},
    )


FAKES = {
    "FakeManilaV2": 5,
    "FakeLimaV2": 5,
    "FakeLagosV2": 7,
    "FakeGuadalupeV2": 16,
    "FakeQuitoV2": 5,
    "FakeBelemV2": 5,
    "FakeNairobiV2": 7,
    "FakeJakartaV2": 7,
}


def fake_backend(rng: Random, _: bool) -> Task:
    fake = rng.choice(sorted(FAKES))
    what, code, check = rng.choice(
        (
            ("number of qubits", "num_qubits", f"assert candidate() == {FAKES[fake]}"),
            (
                "name",
                "name",
                f"assert candidate() == '{'fake_' + fake.removeprefix('Fake').removesuffix('V2').lower()}'",
            ),
        )
    )
    return task(
        f"Return the {what} of {fake}.",
        [f"return {fake}().{code}"],
        [check],
        names(("get", "backend"), ("info", "value")),
        "int" if code == "num_qubits" else "str",
        imports={"qiskit_ibm_runtime.fake_provider": fake},
    )


def noise_model(rng: Random, _: bool) -> Task:
    p, gate = rng.choice((0.01, 0.02, 0.05, 0.1)), rng.choice(("x", "h", "sx", "cx", "cz"))
    k = 2 if gate in ("cx", "cz") else 1
    return task(
        f"Return a noise model with depolarizing error {p} on every {gate} gate.",
        [
            "noise = NoiseModel()",
            f'noise.add_all_qubit_quantum_error(depolarizing_error({p}, {k}), ["{gate}"])',
            "return noise",
        ],
        [
            "d = candidate().to_dict()['errors']",
            f"assert len(d) == 1 and d[0]['operations'] == ['{gate}']",
            f"assert abs(max(d[0]['probabilities']) - (1 - {p} * (1 - 1 / {4**k}))) < 1e-9",
        ],
        names(("noise", "depolarizing"), ("model",)),
        "NoiseModel",
        imports={"qiskit_aer.noise": "NoiseModel, depolarizing_error"},
    )


def readout(rng: Random, _: bool) -> Task:
    a, b = rng.choice((0.01, 0.02, 0.05)), rng.choice((0.03, 0.1, 0.04))
    return task(
        f"Return a readout error with P(1|0) = {a} and P(0|1) = {b}.",
        [f"return ReadoutError([[{1 - a:g}, {a}], [{b}, {1 - b:g}]])"],
        [
            "p = candidate().probabilities",
            f"assert abs(p[0][1] - {a}) < 1e-9 and abs(p[1][0] - {b}) < 1e-9",
        ],
        names(("readout", "measurement"), ("error",)),
        "ReadoutError",
        imports={"qiskit_aer.noise": "ReadoutError"},
    )


def channel(rng: Random, _: bool) -> Task:
    kind, p = rng.choice(("amplitude", "phase")), rng.choice((0.1, 0.2, 0.25, 0.3, 0.5))
    return task(
        f"Return the {kind} damping error with parameter {p}.",
        [f"return {kind}_damping_error({p})"],
        [
            "import numpy as np",
            "from qiskit.quantum_info import DensityMatrix",
            "rho = DensityMatrix.from_label('+').evolve(candidate()).data",
            f"assert abs(abs(rho[0, 1]) - 0.5 * (1 - {p}) ** 0.5) < 1e-9",
            f"assert abs(DensityMatrix.from_label('1').evolve(candidate()).data[1, 1] - {(1 - p) if kind == 'amplitude' else 1}) < 1e-9",
        ],
        names((kind, "damping"), ("error", "channel")),
        "QuantumError",
        imports={"qiskit_aer.noise": f"QuantumError, {kind}_damping_error"},
    )


def zne(rng: Random, _: bool) -> Task:
    a, slope = rng.choice((1, 0.9, 0.8)), rng.choice((0.1, 0.05, 0.02))
    values = [round(a - slope * x, 3) for x in (1, 2, 3)]
    return task(
        f"Extrapolate the values {values} at noise factors [1, 2, 3] linearly to zero.",
        [f"return float(np.polyfit([1, 2, 3], {values}, 1)[1])"],
        [f"assert abs(candidate() - {a}) < 1e-6"],
        names(("zne", "extrapolate"), ("value", "zero")),
        "float",
        imports={"numpy": ""},
    )


def fold(rng: Random, _: bool) -> Task:
    gate, k = rng.choice(("cx", "cz", "swap")), rng.choice((3, 5, 7))
    return task(
        f"Build a 2-qubit circuit with {gate} on qubits 0 and 1 folded {k} times.",
        ["qc = QuantumCircuit(2)", f"for _ in range({k}):", f"    qc.{gate}(0, 1)", "return qc"],
        [
            "qc = candidate()",
            f"assert dict(qc.count_ops()) == {{'{gate}': {k}}} and qc.num_qubits == 2",
        ],
        names(("fold", "amplify"), ("noise", gate)),
    )


def shots(rng: Random, _: bool) -> Task:
    n, k = rng.choice((100, 200, 500, 1000, 2000)), rng.randint(1, 3)
    return task(
        f"Run a {k}-qubit uniform superposition on AerSimulator with {n} shots and return the counts.",
        [
            f"qc = QuantumCircuit({k})",
            f"qc.h(range({k}))",
            "qc.measure_all()",
            f"return AerSimulator().run(qc, shots={n}).result().get_counts()",
        ],
        ["c = candidate()", f"assert sum(c.values()) == {n} and len(c) == {2**k}"],
        names(("run", "simulate"), ("counts", "shots")),
        "dict",
        imports=QC | {"qiskit_aer": "AerSimulator"},
    )


def trotter(rng: Random, _: bool) -> Task:
    p, t = (
        "".join(rng.choice("XYZ") for _ in range(rng.randint(1, 2))),
        rng.choice((0.1, 0.2, 0.5, 1.0)),
    )
    n = len(p)
    return task(
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


def control(rng: Random, _: bool) -> Task:
    gate, cls, k = (
        *rng.choice(
            (("x", "XGate"), ("z", "ZGate"), ("h", "HGate"), ("s", "SGate"), ("y", "YGate"))
        ),
        rng.randint(1, 3),
    )
    return task(
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


def qasm_load(rng: Random, _: bool) -> Task:
    n = rng.randint(1, 3)
    gates = [rng.choice(("h", "x", "y", "z")) for _ in range(n)]
    text = " ".join(f"{g} q[{i}];" for i, g in enumerate(gates))
    return task(
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


def teleport(rng: Random, _: bool) -> Task:
    a, b, c = rng.sample(range(3), 3)
    lines = [
        "qc = QuantumCircuit(3)",
        f"qc.h({b})",
        f"qc.cx({b}, {c})",
        f"qc.cx({a}, {b})",
        f"qc.h({a})",
    ]
    return task(
        f"Build the teleportation circuit before measurement: source {a}, Bell pair on {b} and {c}.",
        [*lines, "return qc"],
        [line.replace("qc", "expected") for line in lines]
        + ["assert Operator(candidate()).equiv(Operator(expected))"],
        names(("teleport", "teleportation"), ("circuit",)),
        check_imports=OPERATOR | QC,
    )


def resources(rng: Random, _: bool) -> Task:
    n, gate = rng.randint(2, 6), rng.choice(("cx", "cz"))
    lines = [f"qc = QuantumCircuit({n})", f"for i in range({n - 1}):", f"    qc.{gate}(i, i + 1)"]
    return task(
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


def barrier(rng: Random, _: bool) -> Task:
    n, t = rng.randint(1, 3), rng.choice((50, 100, 200, 400))
    q = rng.randrange(n)
    return task(
        f"Build a {n}-qubit circuit with a delay of {t} dt on qubit {q}.",
        [f"qc = QuantumCircuit({n})", f'qc.delay({t}, {q}, "dt")', "return qc"],
        [
            f"expected = QuantumCircuit({n})",
            f"expected.delay({t}, {q}, 'dt')",
            "assert candidate() == expected",
        ],
        names(("delay", "idle"), ("circuit", "qubit")),
        check_imports=QC,
    )


def options(rng: Random, _: bool) -> Task:
    level, n = rng.randint(0, 3), rng.randint(3, 9)
    return task(
        f"Return a preset pass manager of optimization level {level} for a line of {n} qubits.",
        [
            f"coupling = CouplingMap.from_line({n})",
            f"return generate_preset_pass_manager(optimization_level={level}, coupling_map=coupling)",
        ],
        [
            "from qiskit import QuantumCircuit",
            "qc = QuantumCircuit(3)",
            "qc.cx(0, 2)",
            "r = candidate().run(qc)",
            f"assert r.num_qubits == {n} and r.layout is not None",
        ],
        names(("pass_manager", "compiler"), ("for_line", "preset")),
        "StagedPassManager",
        imports={
            "qiskit.transpiler": "CouplingMap, StagedPassManager, generate_preset_pass_manager"
        },
    )


Build = Callable[[Random, bool], Task]
_TABLE: list[tuple[str, float, Build]] = [
    (ALGORITHMS, 3, ghz), (INFO, 2, basis_state), (CIRCUITS, 1.5, superposition), (INFO, 2, label_state),
    (ALGORITHMS, 3, bernstein_vazirani), (ALGORITHMS, 2, phase_oracle), (ALGORITHMS, 2, deutsch), (ALGORITHMS, 1.5, qft),
    (ALGORITHMS, 2, bell), (CIRCUITS, 2.5, rotation), (CIRCUITS, 2, parametric), (INFO, 2, pauli_matrix), (INFO, 2, commute),
    (INFO, 2.5, hamiltonian), (ALGORITHMS, 1, ising), (INFO, 2, entropy), (INFO, 2, reduced), (HARDWARE, 3, coupling),
    (HARDWARE, 3, distance), (HARDWARE, 3, backend), (HARDWARE, 1.5, fake_backend), (NOISE, 3, noise_model), (NOISE, 2, readout),
    (NOISE, 2, channel), (NOISE, 2, zne), (NOISE, 2, fold), (RUN, 2, shots), (ALGORITHMS, 2, trotter), (CIRCUITS, 2, control),
    (CIRCUITS, 2, qasm_load), (ALGORITHMS, 1, teleport), (CIRCUITS, 1.5, resources), (NOISE, 1.5, barrier), (TRANSPILE, 3, options),
]  # fmt: skip
FAMILIES = [
    Family(build.__name__, category, weight, 0.0, build) for category, weight, build in _TABLE
]


def most_frequent(rng: Random, _: bool) -> Task:
    counts = histogram_counts(rng)
    most = rng.random() < 0.7
    best = (max if most else min)(counts, key=lambda item: item[1])[0]
    word = "most" if most else "least"
    return Task(
        ask=f"Return the {word} frequent outcome of the histogram in the image.",
        body=(f'return "{best}"',),
        check=(f"assert candidate() == '{best}'",),
        names=names((word, f"{word}_frequent"), ("outcome", "bits")),
        returns="str",
        picture=Picture(counts=counts),
        needs_image=True,
    )


def bloch_state(rng: Random, _: bool) -> Task:
    label = rng.choice("01+-rl")
    return Task(
        ask="Return the statevector of the qubit on the Bloch sphere shown.",
        body=(f'return Statevector.from_label("{label}")',),
        check=(f"assert candidate().equiv(Statevector.from_label('{label}'))",),
        names=names(("bloch", "sphere"), ("state",)),
        returns="Statevector",
        imports=STATE,
        check_imports=STATE,
        picture=Picture(bloch=label),
        needs_image=True,
    )


FAMILIES += [
    Family("most_frequent", RUN, 0.0, 4.0, most_frequent),
    Family("bloch_state", INFO, 0.0, 0.5, bloch_state),
]
