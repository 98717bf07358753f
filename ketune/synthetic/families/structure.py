"""Families that change or combine whole circuits."""

from random import Random

from ketune.synthetic.circuits import gate_line, random_op
from ketune.synthetic.families.subjects import (
    LARGE,
    NOUNS,
    OPERATOR,
    QC,
    SAME_OPERATOR,
    about_circuit,
    circuit_task,
    names,
    subject,
)
from ketune.synthetic.sample import Task

tensor = about_circuit(
    ["Place two copies of {} side by side", "Put {} next to a copy of itself"],
    lambda c: ["return qc.tensor(qc)"],
    lambda c: ["u = Operator(expected)", "assert Operator(candidate()).equiv(u.tensor(u))"],
    names(("tensor", "beside"), NOUNS),
    "QuantumCircuit",
    check_imports=OPERATOR,
)


controlled = about_circuit(
    ["Control {} by one more qubit, which becomes qubit 0", "Build a controlled version of {}"],
    lambda c: ["return qc.control(1)"],
    lambda c: [
        "import numpy as np",
        "u = Operator(expected).data",
        "on = np.kron(u, np.diag([0, 1])) + np.kron(np.eye(len(u)), np.diag([1, 0]))",
        "assert np.allclose(Operator(candidate()).data, on, atol=1e-7)",
    ],
    names(("control", "controlled"), NOUNS),
    "QuantumCircuit",
    check_imports=OPERATOR,
)


dump = about_circuit(
    ["Return {} as an OpenQASM 2 program", "Write {} in OpenQASM 2"],
    lambda c: ["return qasm2.dumps(qc)"],
    lambda c: [
        "parsed = QuantumCircuit.from_qasm_str(candidate())",
        "assert Operator(parsed).equiv(Operator(expected))",
    ],
    names(("qasm_of", "dump"), NOUNS),
    "str",
    imports={"qiskit": "QuantumCircuit, qasm2"},
    check_imports=OPERATOR,
)


non_local = about_circuit(
    ["Return the number of gates of {} that act on more than one qubit"],
    lambda c: ["return qc.num_nonlocal_gates()"],
    lambda c: [f"assert candidate() == {sum(len(op.qubits) > 1 for op in c.ops)}"],
    names(("nonlocal", "multi_qubit"), ("gates", "count")),
    "int",
)


def power(rng: Random, picture: bool) -> Task:
    given, exponent = subject(rng, picture, size=LARGE), rng.randint(2, 5)
    return circuit_task(
        given,
        f"Return a circuit that applies {exponent} times in a row {{}}",
        [f"return qc.repeat({exponent})"],
        [f"assert Operator(candidate()).equiv(Operator(expected).power({exponent}))"],
        names(("repeat", "power"), NOUNS),
        check_imports=OPERATOR,
    )


def permute(rng: Random, picture: bool) -> Task:
    given = subject(rng, picture, min_qubits=2, size=LARGE)
    n = given.circuit.num_qubits
    wires = rng.sample(range(n + 1), n)
    return circuit_task(
        given,
        f"Place {{}} on qubits {', '.join(map(str, wires))} of a {n + 1}-qubit circuit, in this order",
        [f"wider = QuantumCircuit({n + 1})", f"return wider.compose(qc, qubits={wires})"],
        [
            f"u = Operator(QuantumCircuit({n + 1}))",
            f"assert Operator(candidate()).equiv(u.compose(Operator(expected), qargs={wires}))",
        ],
        names(("place", "embed"), NOUNS),
        check_imports=OPERATOR,
    )


def extend(rng: Random, picture: bool) -> Task:
    given = subject(rng, picture, size=LARGE)
    n = given.circuit.num_qubits
    front = rng.random() < 0.5
    op = random_op(rng, n)
    line = gate_line(op).removeprefix("qc.")
    body = (
        [f"first = QuantumCircuit({n})", f"first.{line}", "return first.compose(qc)"]
        if front
        else [f"qc.{line}", "return qc"]
    )
    order = "gate.compose(Operator(expected))" if front else "Operator(expected).compose(gate)"
    where = "in front of" if front else "at the end of"
    return circuit_task(
        given,
        f"Add {line} {where} {{}}",
        body,
        [
            f"extra = QuantumCircuit({n})",
            f"extra.{line}",
            "gate = Operator(extra)",
            f"assert Operator(candidate()).equiv({order})",
        ],
        names(("extend", "add_to"), NOUNS),
        check_imports=OPERATOR,
    )


def feed_forward(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 5)
    a, b = rng.sample(range(n), 2)
    first, gate, value = rng.choice(("h", "x", "y")), rng.choice("xyzh"), rng.randint(0, 1)
    return Task(
        f"Build a dynamic circuit on {n} qubits: {first} on qubit {a}, measure it into clbit 0, and"
        f" {gate} on qubit {b} only if the outcome is {value}.",
        [
            f"qc = QuantumCircuit({n}, 1)",
            f"qc.{first}({a})",
            f"qc.measure({a}, 0)",
            f"with qc.if_test((qc.clbits[0], {value})):",
            f"    qc.{gate}({b})",
            "return qc",
        ],
        [
            "qc = candidate()",
            f"assert [i.operation.name for i in qc.data] == ['{first}', 'measure', 'if_else']",
            "branch = qc.data[2].operation",
            f"assert int(branch.condition[1]) == {value}",
            f"assert [i.operation.name for i in branch.blocks[0].data] == ['{gate}']",
            f"assert [qc.find_bit(q).index for q in qc.data[2].qubits] == [{b}]",
        ],
        names(("feed_forward", "dynamic"), ("circuit", "correction")),
    )


def rotation_layer(rng: Random, _: bool) -> Task:
    n, axis = rng.randint(2, 6), rng.choice("xyz")
    angles = [rng.randint(1, 62) / 20 for _ in range(n)]
    entangler = rng.choice(("cx", "cz"))
    return Task(
        f"Build a layer of r{axis} with the angles {angles} on qubits 0 to {n - 1}, then {entangler}"
        " on every pair of neighbours from qubit 0 on.",
        [
            f"qc = QuantumCircuit({n})",
            f"for qubit, angle in enumerate({angles}):",
            f"    qc.r{axis}(angle, qubit)",
            f"for qubit in range({n - 1}):",
            f"    qc.{entangler}(qubit, qubit + 1)",
            "return qc",
        ],
        [
            f"expected = QuantumCircuit({n})",
            f"[expected.r{axis}(a, q) for q, a in enumerate({angles})]",
            f"[expected.{entangler}(q, q + 1) for q in range({n - 1})]",
            SAME_OPERATOR,
        ],
        names(("rotation", "entangling"), ("layer", "block")),
        check_imports=QC | OPERATOR,
    )
