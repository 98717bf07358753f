"""Families about compiling a circuit."""

from random import Random

from ketune.synthetic.families.graphs import given_graph
from ketune.synthetic.families.subjects import about_circuit
from ketune.synthetic.sample import Task

_SAME_PROGRAM = "assert Operator.from_circuit(result).equiv(Operator(expected))"

transpile_basis = about_circuit(
    ["Transpile {} to the basis gates rz, sx and cx", "Compile {} to rz, sx, x and cx"],
    "transpile|compile circuit|qc|program",
    """
    pm = generate_preset_pass_manager(optimization_level=1, basis_gates=["rz", "sx", "x", "cx"])
    return pm.run(qc)
    """,
    f"""
    result = candidate()
    assert set(result.count_ops()) <= {{"rz", "sx", "x", "cx"}}
    {_SAME_PROGRAM}
    """,
)

transpile_line = about_circuit(
    ["Transpile {} for qubits coupled in a line", "Compile {} for a linear coupling map"],
    "transpile|route circuit|qc|program",
    lambda c: (
        f"""
    coupling = CouplingMap.from_line({c.num_qubits})
    pm = generate_preset_pass_manager(optimization_level=1, coupling_map=coupling)
    return pm.run(qc)
    """
    ),
    f"""
    result = candidate()
    pairs = [tuple(sorted(result.find_bit(q).index for q in i.qubits)) for i in result.data if len(i.qubits) == 2]
    assert all(b - a == 1 for a, b in pairs)
    {_SAME_PROGRAM}
    """,
    min_qubits=2,
)

optimized_depth = about_circuit(
    [
        "Return the depth of {} after transpiling at optimization level 3",
        "Optimize {} at level 3 and return its depth",
    ],
    "optimized_depth_of|best_depth_of circuit|qc -> int",
    """
    pm = generate_preset_pass_manager(optimization_level=3)
    return pm.run(qc).depth()
    """,
    """
    from qiskit import transpile
    assert candidate() == transpile(expected, optimization_level=3).depth()
    """,
)

decompose = about_circuit(
    ["Return {} decomposed once", "Decompose {} by one level"],
    "decompose|expand circuit|qc|program",
    "return qc.decompose()",
    "assert candidate() == expected.decompose()",
)


def transpile_device(rng: Random, picture: bool) -> Task:
    device = given_graph(rng, picture, "device", 3, 5)
    n = device.num_qubits
    a, b = rng.sample(range(n), 2)
    first, gate = rng.choice("hxyst"), rng.choice(("cx", "cz"))
    return Task(
        f"Transpile {first} on qubit {a} and then {gate} from qubit {a} to qubit {b}"
        f" for {device.phrase}, virtual qubit i on physical qubit i.",
        "transpile|route for_device|on_device",
        f"""
        qc = QuantumCircuit({n})
        qc.{first}({a})
        qc.{gate}({a}, {b})
        coupling = CouplingMap({device.code})
        coupling.make_symmetric()
        pm = generate_preset_pass_manager(
            optimization_level=1,
            coupling_map=coupling,
            initial_layout=list(range({n})),
        )
        return pm.run(qc)
        """,
        f"""
        expected = QuantumCircuit({n})
        expected.{first}({a})
        expected.{gate}({a}, {b})
        result = candidate()
        pairs = [sorted(result.find_bit(q).index for q in i.qubits) for i in result.data if len(i.qubits) == 2]
        assert all(pair in {device.code} for pair in pairs)
        {_SAME_PROGRAM}
        """,
        device,
    )


def preset_pass_manager(rng: Random, _: bool) -> Task:
    level, n = rng.randint(0, 3), rng.randint(3, 9)
    return Task(
        f"Return a preset pass manager of optimization level {level} for a line of {n} qubits.",
        "pass_manager|compiler for_line|preset -> StagedPassManager",
        f"""
        coupling = CouplingMap.from_line({n})
        return generate_preset_pass_manager(optimization_level={level}, coupling_map=coupling)
        """,
        f"""
        from qiskit import QuantumCircuit
        qc = QuantumCircuit(3)
        qc.cx(0, 2)
        r = candidate().run(qc)
        assert r.num_qubits == {n} and r.layout is not None
        """,
    )
