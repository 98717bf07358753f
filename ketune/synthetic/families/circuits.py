"""Families about one given circuit: build it, change it, count in it."""

from ketune.synthetic.families.subjects import NOUNS, OPERATOR, SAME_OPERATOR, about_circuit, names

build = about_circuit(
    ["Build {}", "Create {}", "Construct {}"],
    lambda c: ["return qc"],
    lambda c: [SAME_OPERATOR],
    names(("build", "make", "create", "get"), NOUNS),
    "QuantumCircuit",
    check_imports=OPERATOR,
)


measure_all = about_circuit(
    ["Build {} and measure all qubits", "Measure all qubits of {}"],
    lambda c: ["qc.measure_all()", "return qc"],
    lambda c: ["expected.measure_all()", "assert candidate() == expected"],
    names(("measure", "sample"), ("circuit", "all")),
    "QuantumCircuit",
)


inverse = about_circuit(
    ["Return the inverse of {}", "Build the inverse of {}"],
    lambda c: ["return qc.inverse()"],
    lambda c: [
        "assert Operator(expected.compose(candidate())).equiv(Operator(QuantumCircuit(expected.num_qubits)))"
    ],
    names(("inverse", "invert"), NOUNS),
    "QuantumCircuit",
    check_imports=OPERATOR,
)


twice = about_circuit(
    ["Return {} applied twice", "Repeat {} two times"],
    lambda c: ["return qc.compose(qc)"],
    lambda c: [
        "u = Operator(expected)",
        "assert Operator(candidate()).equiv(u.compose(u))",
    ],
    names(("repeat", "double"), NOUNS),
    "QuantumCircuit",
    check_imports=OPERATOR,
)


depth = about_circuit(
    ["Return the depth of {}", "Compute the depth of {}"],
    lambda c: ["return qc.depth()"],
    lambda c: ["assert candidate() == expected.depth()"],
    names(("depth_of", "get_depth_of"), NOUNS),
    "int",
)


num_gates = about_circuit(
    ["Return the number of gates in {}", "Count the gates of {}"],
    lambda c: ["return qc.size()"],
    lambda c: ["assert candidate() == expected.size()"],
    names(("count_gates_of", "size_of"), NOUNS),
    "int",
)


count_ops = about_circuit(
    ["Return the gate counts of {} as a dict", "Count the gates of {} by name"],
    lambda c: ["return dict(qc.count_ops())"],
    lambda c: ["assert candidate() == dict(expected.count_ops())"],
    names(("ops_of", "count_ops_of"), NOUNS),
    "dict",
)


to_gate = about_circuit(
    ["Return {} as a gate", "Convert {} to a gate"],
    lambda c: ["return qc.to_gate()"],
    lambda c: [SAME_OPERATOR],
    names(("gate_of", "to_gate"), ("circuit", "qc")),
    "Gate",
    imports={"qiskit.circuit": "Gate"},
    check_imports=OPERATOR,
)


reverse_bits = about_circuit(
    ["Return {} with its qubits reversed", "Reverse the qubit order of {}"],
    lambda c: ["return qc.reverse_bits()"],
    lambda c: ["assert Operator(candidate()).equiv(Operator(expected).reverse_qargs())"],
    names(("reverse", "flip"), NOUNS),
    "QuantumCircuit",
    check_imports=OPERATOR,
    min_qubits=2,
)


num_qubits = about_circuit(
    ["Return the number of qubits of {}", "How many qubits does {} have? Return it"],
    lambda c: ["return qc.num_qubits"],
    lambda c: ["assert candidate() == expected.num_qubits"],
    names(("width_of", "qubits_of"), NOUNS),
    "int",
)
