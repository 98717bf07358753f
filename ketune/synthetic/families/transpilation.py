"""Families about compiling a circuit."""

from random import Random

from ketune.synthetic.families.subjects import NOUNS, OPERATOR, about_circuit, names
from ketune.synthetic.sample import Task

PASS_MANAGER = {"qiskit.transpiler": "generate_preset_pass_manager"}


transpile_basis = about_circuit(
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
)


transpile_line = about_circuit(
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
)


optimized_depth = about_circuit(
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
)


decompose = about_circuit(
    ["Return {} decomposed once", "Decompose {} by one level"],
    lambda c: ["return qc.decompose()"],
    lambda c: ["assert candidate() == expected.decompose()"],
    names(("decompose", "expand"), NOUNS),
    "QuantumCircuit",
)


def preset_pass_manager(rng: Random, _: bool) -> Task:
    level, n = rng.randint(0, 3), rng.randint(3, 9)
    return Task(
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
