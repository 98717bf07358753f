"""Families about devices of any connectivity, told or drawn."""

from random import Random

from ketune.synthetic.families.graphs import GraphSubject, code_list, graph_subject
from ketune.synthetic.families.subjects import OPERATOR, QC, names
from ketune.synthetic.sample import Question, Task

MAP = {"qiskit.transpiler": "CouplingMap"}


def _coupling(given: GraphSubject) -> list[str]:
    return [f"coupling = CouplingMap({code_list(given.edges)})", "coupling.make_symmetric()"]


def coupling_graph(rng: Random, picture: bool) -> Task:
    given = graph_subject(rng, picture, "device")
    return Task(
        f"Return the coupling map of {given.phrase}, each coupling in both directions.",
        [*_coupling(given), "return coupling"],
        [
            "edges = sorted(tuple(edge) for edge in candidate().get_edges())",
            f"assert edges == {sorted([*given.edges, *[(b, a) for a, b in given.edges]])}",
        ],
        names(("coupling", "device"), ("graph", "couplings")),
        "CouplingMap",
        imports=MAP,
        picture=given.picture,
        needs_image=picture,
    )


def device_distance(rng: Random, picture: bool) -> Task:
    given = graph_subject(rng, picture, "device", 4)
    a, b = rng.sample(range(given.num_qubits), 2)
    return Task(
        f"Return the distance between qubits {a} and {b} on {given.phrase}.",
        [*_coupling(given), f"return int(coupling.distance({a}, {b}))"],
        [f"assert candidate() == {given.distance(a, b)}"],
        names(("distance", "steps"), ("on_device", "between_qubits")),
        "int",
        imports=MAP,
        picture=given.picture,
        needs_image=picture,
    )


def device_neighbours(rng: Random, picture: bool) -> Task:
    given = graph_subject(rng, picture, "device", 4)
    qubit = rng.randrange(given.num_qubits)
    return Task(
        f"Return the sorted neighbours of qubit {qubit} on {given.phrase}.",
        [*_coupling(given), f"return sorted(coupling.neighbors({qubit}))"],
        [f"assert list(candidate()) == {given.neighbours(qubit)}"],
        names(("neighbours", "adjacent"), ("of_qubit", "qubits")),
        "list",
        imports=MAP,
        picture=given.picture,
        needs_image=picture,
    )


def busiest_qubit(rng: Random, picture: bool) -> Task:
    """The qubit with the most neighbours; drawn again until one alone has them."""
    while True:
        given = graph_subject(rng, picture, "device", 4)
        degrees = [len(given.neighbours(qubit)) for qubit in range(given.num_qubits)]
        if degrees.count(max(degrees)) == 1:
            break
    return Task(
        f"Return the qubit with the most neighbours on {given.phrase}.",
        [
            *_coupling(given),
            "return max(coupling.physical_qubits, key=lambda q: len(coupling.neighbors(q)))",
        ],
        [f"assert candidate() == {degrees.index(max(degrees))}"],
        names(("busiest", "most_connected"), ("qubit",)),
        "int",
        imports=MAP,
        picture=given.picture,
        needs_image=picture,
    )


def transpile_device(rng: Random, picture: bool) -> Task:
    given = graph_subject(rng, picture, "device", 3, 5)
    a, b = rng.sample(range(given.num_qubits), 2)
    first, gate = rng.choice("hxyst"), rng.choice(("cx", "cz"))
    lines = [f"qc = QuantumCircuit({given.num_qubits})", f"qc.{first}({a})", f"qc.{gate}({a}, {b})"]
    return Task(
        f"Transpile {first} on qubit {a} and then {gate} from qubit {a} to qubit {b}"
        f" for {given.phrase}, virtual qubit i on physical qubit i.",
        [
            *lines,
            *_coupling(given),
            "pm = generate_preset_pass_manager(",
            "    optimization_level=1,",
            "    coupling_map=coupling,",
            f"    initial_layout=list(range({given.num_qubits})),",
            ")",
            "return pm.run(qc)",
        ],
        [
            *[line.replace("qc", "expected") for line in lines],
            "result = candidate()",
            "pairs = [sorted(result.find_bit(q).index for q in i.qubits) for i in result.data if len(i.qubits) == 2]",
            f"assert all(pair in {code_list(given.edges)} for pair in pairs)",
            "assert Operator.from_circuit(result).equiv(Operator(expected))",
        ],
        names(("transpile", "route"), ("for_device", "on_device")),
        imports=QC | {"qiskit.transpiler": "CouplingMap, generate_preset_pass_manager"},
        check_imports=QC | OPERATOR,
        picture=given.picture,
        needs_image=picture,
    )


def backend_couplings(rng: Random, _: bool) -> Task:
    kind, n = rng.choice(("line", "ring", "full")), rng.randint(3, 24)
    gates = rng.choice((("cx", "rz", "sx", "x"), ("cz", "rz", "sx", "x"), ("ecr", "rz", "sx")))
    edges = {"line": n - 1, "ring": n, "full": n * (n - 1) // 2}[kind]
    shape = "with all qubits coupled" if kind == "full" else f"coupled in a {kind}"
    return Task(
        f"Return the number of coupled qubit pairs of a GenericBackendV2 of {n} qubits {shape},"
        f" with the basis gates {', '.join(gates)}.",
        [
            "backend = GenericBackendV2(",
            f"    {n},",
            f"    basis_gates={list(gates)},".replace("'", '"'),
            f"    coupling_map=CouplingMap.from_{kind}({n}),",
            "    seed=1,",
            ")",
            "pairs = {tuple(sorted(edge)) for edge in backend.coupling_map.get_edges()}",
            "return len(pairs)",
        ],
        [f"assert candidate() == {edges}"],
        names(("coupled", "count_coupled"), ("pairs", "edges")),
        "int",
        imports=MAP | {"qiskit.providers.fake_provider": "GenericBackendV2"},
    )


def grid_distance(rng: Random, _: bool) -> Task:
    rows, columns = rng.randint(2, 6), rng.randint(2, 6)
    a, b = rng.sample(range(rows * columns), 2)
    steps = abs(a // columns - b // columns) + abs(a % columns - b % columns)
    return Task(
        f"Return the distance of qubits {a} and {b} on a grid of {rows} rows and {columns} columns.",
        [f"return int(CouplingMap.from_grid({rows}, {columns}).distance({a}, {b}))"],
        [f"assert candidate() == {steps}"],
        names(("grid", "lattice"), ("distance", "steps")),
        "int",
        imports=MAP,
    )


def gate_target(rng: Random, _: bool) -> Task:
    n, gate = rng.randint(1, 6), rng.choice(("SXGate", "XGate", "HGate", "YGate"))
    duration, error = rng.randrange(20, 200, 5), rng.randint(1, 99)
    name = gate.removesuffix("Gate").lower()
    return Task(
        f"Return the error of {name} on the last qubit of a Target of {n} qubit{'s' * (n > 1)} where"
        f" {name} takes {duration} ns and has the error {error}e-5 times one plus the qubit's index.",
        [
            "target = Target()",
            "properties = {",
            f"    (q,): InstructionProperties(duration={duration}e-9, error={error}e-5 * (1 + q))",
            f"    for q in range({n})",
            "}",
            f"target.add_instruction({gate}(), properties)",
            f'return target["{name}"][({n - 1},)].error',
        ],
        [f"assert abs(candidate() - {error * n} / 100000) < 1e-9"],
        names(("target", "gate"), ("error", "error_on_last")),
        "float",
        imports={
            "qiskit.circuit.library": gate,
            "qiskit.transpiler": "InstructionProperties, Target",
        },
    )


def ask_neighbours(rng: Random, picture: bool) -> Question:
    given = graph_subject(rng, picture, "device", 4)
    qubit = rng.randrange(given.num_qubits)
    found = given.neighbours(qubit)
    text = ", ".join(map(str, found))
    return Question(
        rng.choice(
            ("Which qubits are coupled to qubit {} on {}?", "What are qubit {}'s neighbours on {}?")
        ).format(qubit, given.phrase),
        f"Qubit {qubit} is coupled to qubit{'s' * (len(found) > 1)} {text}.",
        picture=given.picture,
        needs_image=picture,
    )


def ask_couplings(rng: Random, picture: bool) -> Question:
    given = graph_subject(rng, picture, "device")
    return Question(
        f"How many couplings does {given.phrase} have, and between how many qubits?",
        f"It has {len(given.edges)} couplings between {given.num_qubits} qubits.",
        picture=given.picture,
        needs_image=picture,
    )


def ask_swaps(rng: Random, picture: bool) -> Question:
    given = graph_subject(rng, picture, "device", 4)
    a, b = rng.sample(range(given.num_qubits), 2)
    swaps = given.distance(a, b) - 1
    return Question(
        f"How many SWAP gates are needed at least before qubits {a} and {b} can interact"
        f" on {given.phrase}?",
        "None, they are neighbours."
        if not swaps
        else f"They are {swaps + 1} couplings apart, so {swaps} SWAP gate{'s' * (swaps > 1)}.",
        picture=given.picture,
        needs_image=picture,
    )
