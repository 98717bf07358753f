"""Families about a given circuit: build it, count in it, change it, combine it."""

from random import Random

from ketune.synthetic.circuits import gate_line, random_op
from ketune.synthetic.families.subjects import SAME_OPERATOR, about_circuit, given_circuit, listed
from ketune.synthetic.sample import Task

build = about_circuit(
    ["Build {}", "Create {}", "Construct {}"],
    "build|make|create|get circuit|qc|program",
    "return qc",
    SAME_OPERATOR,
)

measure_all = about_circuit(
    ["Build {} and measure all qubits", "Measure all qubits of {}"],
    "measure|sample circuit|all",
    """
    qc.measure_all()
    return qc
    """,
    """
    expected.measure_all()
    assert candidate() == expected
    """,
)

inverse = about_circuit(
    ["Return the inverse of {}", "Build the inverse of {}"],
    "inverse|invert circuit|qc|program",
    "return qc.inverse()",
    "assert Operator(expected.compose(candidate()))"
    ".equiv(Operator(QuantumCircuit(expected.num_qubits)))",
)

twice = about_circuit(
    ["Return {} applied twice", "Repeat {} two times"],
    "repeat|double circuit|qc|program",
    "return qc.compose(qc)",
    """
    u = Operator(expected)
    assert Operator(candidate()).equiv(u.compose(u))
    """,
)

depth = about_circuit(
    ["Return the depth of {}", "Compute the depth of {}"],
    "depth_of|get_depth_of circuit|qc|program -> int",
    "return qc.depth()",
    "assert candidate() == expected.depth()",
)

num_gates = about_circuit(
    ["Return the number of gates in {}", "Count the gates of {}"],
    "count_gates_of|size_of circuit|qc|program -> int",
    "return qc.size()",
    "assert candidate() == expected.size()",
)

count_ops = about_circuit(
    ["Return the gate counts of {} as a dict", "Count the gates of {} by name"],
    "ops_of|count_ops_of circuit|qc|program -> dict",
    "return dict(qc.count_ops())",
    "assert candidate() == dict(expected.count_ops())",
)

num_qubits = about_circuit(
    ["Return the number of qubits of {}", "How many qubits does {} have? Return it"],
    "width_of|qubits_of circuit|qc|program -> int",
    "return qc.num_qubits",
    "assert candidate() == expected.num_qubits",
)

non_local = about_circuit(
    ["Return the number of gates of {} that act on more than one qubit"],
    "nonlocal|multi_qubit gates|count -> int",
    "return qc.num_nonlocal_gates()",
    lambda c: f"assert candidate() == {sum(len(op.qubits) > 1 for op in c.ops)}",
)

to_gate = about_circuit(
    ["Return {} as a gate", "Convert {} to a gate"],
    "gate_of|to_gate circuit|qc -> Gate",
    "return qc.to_gate()",
    SAME_OPERATOR,
)

reverse_bits = about_circuit(
    ["Return {} with its qubits reversed", "Reverse the qubit order of {}"],
    "reverse|flip circuit|qc|program",
    "return qc.reverse_bits()",
    "assert Operator(candidate()).equiv(Operator(expected).reverse_qargs())",
    min_qubits=2,
)

tensor = about_circuit(
    ["Place two copies of {} side by side", "Put {} next to a copy of itself"],
    "tensor|beside circuit|qc|program",
    "return qc.tensor(qc)",
    """
    u = Operator(expected)
    assert Operator(candidate()).equiv(u.tensor(u))
    """,
)

controlled = about_circuit(
    ["Control {} by one more qubit, which becomes qubit 0", "Build a controlled version of {}"],
    "control|controlled circuit|qc|program",
    "return qc.control(1)",
    """
    import numpy as np
    u = Operator(expected).data
    on = np.kron(u, np.diag([0, 1])) + np.kron(np.eye(len(u)), np.diag([1, 0]))
    assert np.allclose(Operator(candidate()).data, on, atol=1e-7)
    """,
)

dump = about_circuit(
    ["Return {} as an OpenQASM 2 program", "Write {} in OpenQASM 2"],
    "qasm_of|dump circuit|qc|program -> str",
    "return qasm2.dumps(qc)",
    """
    parsed = QuantumCircuit.from_qasm_str(candidate())
    assert Operator(parsed).equiv(Operator(expected))
    """,
)


def power(rng: Random, picture: bool) -> Task:
    given, exponent = given_circuit(rng, picture), rng.randint(2, 5)
    return Task(
        f"Return a circuit that applies {exponent} times in a row {given.phrase}.",
        "repeat|power circuit|qc|program",
        f"return qc.repeat({exponent})",
        f"assert Operator(candidate()).equiv(Operator(expected).power({exponent}))",
        given,
    )


def permute(rng: Random, picture: bool) -> Task:
    given = given_circuit(rng, picture, min_qubits=2)
    wider = given.num_qubits + 1
    wires = rng.sample(range(wider), given.num_qubits)
    return Task(
        f"Place {given.phrase} on qubits {listed(wires)} of a {wider}-qubit circuit,"
        " in this order.",
        "place|embed circuit|qc|program",
        f"""
        wider = QuantumCircuit({wider})
        return wider.compose(qc, qubits={wires})
        """,
        f"""
        u = Operator(QuantumCircuit({wider}))
        assert Operator(candidate()).equiv(u.compose(Operator(expected), qargs={wires}))
        """,
        given,
    )


def extend(rng: Random, picture: bool) -> Task:
    given = given_circuit(rng, picture)
    n, front = given.num_qubits, rng.random() < 0.5
    line = gate_line(random_op(rng, n)).removeprefix("qc.")
    if front:
        where, order = "in front of", "gate.compose(Operator(expected))"
        body = f"""
        first = QuantumCircuit({n})
        first.{line}
        return first.compose(qc)
        """
    else:
        where, order = "at the end of", "Operator(expected).compose(gate)"
        body = f"""
        qc.{line}
        return qc
        """
    return Task(
        f"Add {line} {where} {given.phrase}.",
        "extend|add_to circuit|qc|program",
        body,
        f"""
        extra = QuantumCircuit({n})
        extra.{line}
        gate = Operator(extra)
        assert Operator(candidate()).equiv({order})
        """,
        given,
    )
