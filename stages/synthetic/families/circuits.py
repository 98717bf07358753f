"""Families about one circuit: build it, change it, ask what it does."""

from stages.synthetic.families.subjects import (
    OPERATOR,
    STATE,
    about_circuit,
    names,
    same_operator,
)
from stages.synthetic.sample import Family

CIRCUITS, INFO = "circuits_and_gates", "quantum_info_and_operators"
TRANSPILE, RUN = "transpilation_and_compilation", "primitives_and_execution"
PASS_MANAGER = {"qiskit.transpiler": "generate_preset_pass_manager"}
NOUNS = ("circuit", "qc", "program")

FAMILIES = [
    Family(
        "build",
        CIRCUITS,
        20,
        34,
        about_circuit(
            ["Build {}", "Create {}", "Construct {}"],
            lambda c: ["return qc"],
            same_operator,
            names(("build", "make", "create", "get"), NOUNS),
            "QuantumCircuit",
            check_imports=OPERATOR,
        ),
    ),
    Family(
        "measure_all",
        CIRCUITS,
        3,
        4,
        about_circuit(
            ["Build {} and measure all qubits", "Measure all qubits of {}"],
            lambda c: ["qc.measure_all()", "return qc"],
            lambda c: ["expected.measure_all()", "assert candidate() == expected"],
            names(("measure", "sample"), ("circuit", "all")),
            "QuantumCircuit",
        ),
    ),
    Family(
        "inverse",
        CIRCUITS,
        3,
        4,
        about_circuit(
            ["Return the inverse of {}", "Build the inverse of {}"],
            lambda c: ["return qc.inverse()"],
            lambda c: [
                "assert Operator(expected.compose(candidate())).equiv(Operator(QuantumCircuit(expected.num_qubits)))"
            ],
            names(("inverse", "invert"), NOUNS),
            "QuantumCircuit",
            check_imports=OPERATOR,
        ),
    ),
    Family(
        "twice",
        CIRCUITS,
        2,
        2,
        about_circuit(
            ["Return {} applied twice", "Repeat {} two times"],
            lambda c: ["return qc.compose(qc)"],
            lambda c: [
                "u = Operator(expected)",
                "assert Operator(candidate()).equiv(u.compose(u))",
            ],
            names(("repeat", "double"), NOUNS),
            "QuantumCircuit",
            check_imports=OPERATOR,
        ),
    ),
    Family(
        "depth",
        CIRCUITS,
        3,
        4,
        about_circuit(
            ["Return the depth of {}", "Compute the depth of {}"],
            lambda c: ["return qc.depth()"],
            lambda c: ["assert candidate() == expected.depth()"],
            names(("depth_of", "get_depth_of"), NOUNS),
            "int",
        ),
    ),
    Family(
        "num_gates",
        CIRCUITS,
        3,
        3,
        about_circuit(
            ["Return the number of gates in {}", "Count the gates of {}"],
            lambda c: ["return qc.size()"],
            lambda c: ["assert candidate() == expected.size()"],
            names(("count_gates_of", "size_of"), NOUNS),
            "int",
        ),
    ),
    Family(
        "count_ops",
        CIRCUITS,
        2,
        2,
        about_circuit(
            ["Return the gate counts of {} as a dict", "Count the gates of {} by name"],
            lambda c: ["return dict(qc.count_ops())"],
            lambda c: ["assert candidate() == dict(expected.count_ops())"],
            names(("ops_of", "count_ops_of"), NOUNS),
            "dict",
        ),
    ),
    Family(
        "to_gate",
        CIRCUITS,
        1.5,
        1,
        about_circuit(
            ["Return {} as a gate", "Convert {} to a gate"],
            lambda c: ["return qc.to_gate()"],
            lambda c: ["assert Operator(candidate()).equiv(Operator(expected))"],
            names(("gate_of", "to_gate"), ("circuit", "qc")),
            "Gate",
            imports={"qiskit.circuit": "Gate"},
            check_imports=OPERATOR,
        ),
    ),
    Family(
        "reverse_bits",
        CIRCUITS,
        1.5,
        1,
        about_circuit(
            ["Return {} with its qubits reversed", "Reverse the qubit order of {}"],
            lambda c: ["return qc.reverse_bits()"],
            lambda c: ["assert Operator(candidate()).equiv(Operator(expected).reverse_qargs())"],
            names(("reverse", "flip"), NOUNS),
            "QuantumCircuit",
            check_imports=OPERATOR,
            min_qubits=2,
        ),
    ),
    Family(
        "statevector",
        INFO,
        4,
        5,
        about_circuit(
            ["Return the statevector of {}", "Compute the statevector prepared by {}"],
            lambda c: ["return Statevector(qc)"],
            lambda c: ["assert candidate().equiv(Statevector(expected))"],
            names(("state_of", "statevector_of"), NOUNS),
            "Statevector",
            imports=STATE,
            check_imports=STATE,
        ),
    ),
    Family(
        "probabilities",
        INFO,
        2.5,
        3,
        about_circuit(
            [
                "Return the outcome probabilities of {} as a dict",
                "Compute the probability of each outcome of {}",
            ],
            lambda c: ["return Statevector(qc).probabilities_dict()"],
            lambda c: [
                "p = candidate()",
                "q = Statevector(expected).probabilities_dict()",
                "assert all(abs(p.get(k, 0) - q.get(k, 0)) < 1e-9 for k in set(p) | set(q))",
            ],
            names(("probabilities_of", "outcomes_of"), NOUNS),
            "dict",
            imports=STATE,
            check_imports=STATE,
        ),
    ),
    Family(
        "unitary",
        INFO,
        2.5,
        2,
        about_circuit(
            ["Return the unitary of {} as an Operator", "Compute the operator of {}"],
            lambda c: ["return Operator(qc)"],
            lambda c: ["assert candidate().equiv(Operator(expected))"],
            names(("unitary_of", "operator_of"), NOUNS),
            "Operator",
            imports=OPERATOR,
            check_imports=OPERATOR,
        ),
    ),
    Family(
        "density",
        INFO,
        1.5,
        1,
        about_circuit(
            [
                "Return the density matrix of the state of {}",
                "Compute the density matrix prepared by {}",
            ],
            lambda c: ["return DensityMatrix(qc)"],
            lambda c: [
                "import numpy as np",
                "assert np.allclose(candidate().data, Statevector(expected).to_operator().data)",
            ],
            names(("density_of",), NOUNS),
            "DensityMatrix",
            imports={"qiskit.quantum_info": "DensityMatrix"},
            check_imports=STATE,
        ),
    ),
    Family(
        "expectation_z",
        INFO,
        2,
        2,
        about_circuit(
            [
                "Return the expectation value of Z on every qubit for {}",
                "Compute the expectation of Z on all qubits of {}",
            ],
            lambda c: [
                f'return Statevector(qc).expectation_value(Pauli("{"Z" * c.num_qubits}")).real'
            ],
            lambda c: [
                "p = Statevector(expected).probabilities_dict()",
                'value = sum(q * (-1) ** k.count("1") for k, q in p.items())',
                "assert abs(candidate() - value) < 1e-9",
            ],
            names(("expect_z_of", "z_value_of"), NOUNS),
            "float",
            imports={"qiskit.quantum_info": "Pauli, Statevector"},
            check_imports=STATE,
        ),
    ),
    Family(
        "transpile_basis",
        TRANSPILE,
        3,
        2,
        about_circuit(
            ["Transpile {} to the basis gates rz, sx and cx", "Compile {} to rz, sx, x and cx"],
            lambda c: [
                'pm = generate_preset_pass_manager(optimization_level=1, basis_gates=["rz", "sx", "x", "cx"])',
                "return pm.run(qc)",
            ],
            lambda c: [
                "result = candidate()",
                'assert set(result.count_ops()) <= {"rz", "sx", "x", "cx"}',
                "assert Operator.from_circuit(result).equiv(Operator(expected))",
            ],
            names(("transpile", "compile"), NOUNS),
            "QuantumCircuit",
            imports=PASS_MANAGER,
            check_imports=OPERATOR,
        ),
    ),
    Family(
        "transpile_line",
        TRANSPILE,
        2,
        1,
        about_circuit(
            ["Transpile {} for qubits coupled in a line", "Compile {} for a linear coupling map"],
            lambda c: [
                f"coupling = CouplingMap.from_line({c.num_qubits})",
                "pm = generate_preset_pass_manager(optimization_level=1, coupling_map=coupling)",
                "return pm.run(qc)",
            ],
            lambda c: [
                "result = candidate()",
                "pairs = [tuple(sorted(result.find_bit(q).index for q in i.qubits)) for i in result.data if len(i.qubits) == 2]",
                "assert all(b - a == 1 for a, b in pairs)",
                "assert Operator.from_circuit(result).equiv(Operator(expected))",
            ],
            names(("transpile", "route"), NOUNS),
            "QuantumCircuit",
            imports={"qiskit.transpiler": "CouplingMap, generate_preset_pass_manager"},
            check_imports=OPERATOR,
            min_qubits=2,
        ),
    ),
    Family(
        "optimized_depth",
        TRANSPILE,
        2,
        1,
        about_circuit(
            [
                "Return the depth of {} after transpiling at optimization level 3",
                "Optimize {} at level 3 and return its depth",
            ],
            lambda c: [
                "pm = generate_preset_pass_manager(optimization_level=3)",
                "return pm.run(qc).depth()",
            ],
            lambda c: [
                "from qiskit import transpile",
                "assert candidate() == transpile(expected, optimization_level=3).depth()",
            ],
            names(("optimized_depth_of", "best_depth_of"), ("circuit", "qc")),
            "int",
            imports=PASS_MANAGER,
        ),
    ),
    Family(
        "decompose",
        TRANSPILE,
        1.5,
        1,
        about_circuit(
            ["Return {} decomposed once", "Decompose {} by one level"],
            lambda c: ["return qc.decompose()"],
            lambda c: ["assert candidate() == expected.decompose()"],
            names(("decompose", "expand"), NOUNS),
            "QuantumCircuit",
        ),
    ),
    Family(
        "sampler_counts",
        RUN,
        3,
        3,
        about_circuit(
            [
                "Sample {} with 1024 shots and return the counts",
                "Measure {} 1024 times with the StatevectorSampler and return the counts",
            ],
            lambda c: [
                "qc.measure_all()",
                "job = StatevectorSampler(seed=1).run([qc], shots=1024)",
                "return job.result()[0].data.meas.get_counts()",
            ],
            lambda c: [
                "counts = candidate()",
                "assert sum(counts.values()) == 1024",
                "p = Statevector(expected).probabilities_dict()",
                "assert all(abs(counts.get(k, 0) / 1024 - p.get(k, 0)) < 0.1 for k in set(counts) | set(p))",
            ],
            names(("sample", "counts_of"), NOUNS),
            "dict",
            imports={"qiskit.primitives": "StatevectorSampler"},
            check_imports=STATE,
        ),
    ),
    Family(
        "estimator_z",
        RUN,
        2.5,
        2,
        about_circuit(
            [
                "Estimate Z on qubit 0 of {} with the StatevectorEstimator",
                "Return the expectation of Z on qubit 0 of {} from the StatevectorEstimator",
            ],
            lambda c: [
                f'job = StatevectorEstimator().run([(qc, SparsePauliOp("{"I" * (c.num_qubits - 1)}Z"))])',
                "return float(job.result()[0].data.evs)",
            ],
            lambda c: [
                "p = Statevector(expected).probabilities([0])",
                "assert abs(candidate() - (p[0] - p[1])) < 1e-6",
            ],
            names(("estimate_z", "z_of"), NOUNS),
            "float",
            imports={
                "qiskit.primitives": "StatevectorEstimator",
                "qiskit.quantum_info": "SparsePauliOp",
            },
            check_imports=STATE,
        ),
    ),
    Family(
        "num_qubits",
        CIRCUITS,
        1,
        2,
        about_circuit(
            ["Return the number of qubits of {}", "How many qubits does {} have? Return it"],
            lambda c: ["return qc.num_qubits"],
            lambda c: ["assert candidate() == expected.num_qubits"],
            names(("width_of", "qubits_of"), NOUNS),
            "int",
        ),
    ),
]
