"""Families about devices: coupling maps, told or drawn; backends and their targets."""

from random import Random

from ketune.synthetic.families.graphs import given_graph
from ketune.synthetic.families.subjects import counted, listed
from ketune.synthetic.sample import Question, Task

# Coupling maps that have a constructor: the number of couplings of n qubits.
_SHAPES = {"line": lambda n: n - 1, "ring": lambda n: n, "full": lambda n: n * (n - 1) // 2}


def coupling(rng: Random, _: bool, max_qubits: int = 9) -> Task:
    kind, n = rng.choice(list(_SHAPES)), rng.randint(3, max_qubits)
    return Task(
        f"Return a coupling map of {n} qubits in a"
        f" {'fully connected graph' if kind == 'full' else kind}.",
        f"coupling|{kind} map -> CouplingMap",
        f"return CouplingMap.from_{kind}({n})",
        f"""
        edges = {{tuple(sorted(e)) for e in candidate().get_edges()}}
        assert len(edges) == {_SHAPES[kind](n)} and candidate().size() == {n}
        """,
    )


def distance(rng: Random, _: bool, max_qubits: int = 9) -> Task:
    n = rng.randint(4, max_qubits)
    a, b = sorted(rng.sample(range(n), 2))
    return Task(
        f"Return the distance of qubits {a} and {b} on a line of {n} qubits.",
        "distance|hops on_line|between -> int",
        f"return int(CouplingMap.from_line({n}).distance({a}, {b}))",
        f"assert candidate() == {b - a}",
    )


def grid_distance(rng: Random, _: bool) -> Task:
    rows, columns = rng.randint(2, 6), rng.randint(2, 6)
    a, b = rng.sample(range(rows * columns), 2)
    steps = abs(a // columns - b // columns) + abs(a % columns - b % columns)
    return Task(
        f"Return the distance of qubits {a} and {b} on a grid of {rows} rows and {columns}"
        " columns.",
        "grid|lattice distance|steps -> int",
        f"return int(CouplingMap.from_grid({rows}, {columns}).distance({a}, {b}))",
        f"assert candidate() == {steps}",
    )


def coupling_graph(rng: Random, picture: bool) -> Task:
    device = given_graph(rng, picture, "device")
    both_ways = sorted([*device.edges, *((b, a) for a, b in device.edges)])
    return Task(
        f"Return the coupling map of {device.phrase}, each coupling in both directions.",
        "coupling|device graph|couplings -> CouplingMap",
        f"""
        coupling = CouplingMap({device.code})
        coupling.make_symmetric()
        return coupling
        """,
        f"""
        edges = sorted(tuple(edge) for edge in candidate().get_edges())
        assert edges == {both_ways}
        """,
        device,
    )


def device_distance(rng: Random, picture: bool) -> Task:
    device = given_graph(rng, picture, "device", 4)
    a, b = rng.sample(range(device.num_qubits), 2)
    return Task(
        f"Return the distance between qubits {a} and {b} on {device.phrase}.",
        "distance|steps on_device|between_qubits -> int",
        f"""
        coupling = CouplingMap({device.code})
        coupling.make_symmetric()
        return int(coupling.distance({a}, {b}))
        """,
        f"assert candidate() == {device.distance(a, b)}",
        device,
    )


def device_neighbours(rng: Random, picture: bool) -> Task:
    device = given_graph(rng, picture, "device", 4)
    qubit = rng.randrange(device.num_qubits)
    return Task(
        f"Return the sorted neighbours of qubit {qubit} on {device.phrase}.",
        "neighbours|adjacent of_qubit|qubits -> list",
        f"""
        coupling = CouplingMap({device.code})
        coupling.make_symmetric()
        return sorted(coupling.neighbors({qubit}))
        """,
        f"assert list(candidate()) == {device.neighbours(qubit)}",
        device,
    )


def busiest_qubit(rng: Random, picture: bool) -> Task:
    """The qubit with the most neighbours; drawn again until one alone has them."""
    while True:
        device = given_graph(rng, picture, "device", 4)
        degrees = [len(device.neighbours(qubit)) for qubit in range(device.num_qubits)]
        if degrees.count(max(degrees)) == 1:
            break
    return Task(
        f"Return the qubit with the most neighbours on {device.phrase}.",
        "busiest|most_connected qubit -> int",
        f"""
        coupling = CouplingMap({device.code})
        coupling.make_symmetric()
        return max(coupling.physical_qubits, key=lambda q: len(coupling.neighbors(q)))
        """,
        f"assert candidate() == {degrees.index(max(degrees))}",
        device,
    )


def backend(rng: Random, _: bool, max_qubits: int = 12) -> Task:
    n = rng.randint(2, max_qubits)
    gates = rng.choice((("cx", "rz", "sx", "x"), ("cz", "rz", "sx", "x"), ("cx", "h", "rz")))
    return Task(
        f"Return a GenericBackendV2 with {n} qubits and the basis gates {listed(gates)}.",
        "backend|generic device -> GenericBackendV2",
        f"return GenericBackendV2({n}, basis_gates={list(gates)}, seed=1)".replace("'", '"'),
        f"""
        b = candidate()
        assert b.num_qubits == {n} and {{{listed(map(repr, gates))}}} <= set(b.operation_names)
        """,
    )


def backend_couplings(rng: Random, _: bool) -> Task:
    kind, n = rng.choice(list(_SHAPES)), rng.randint(3, 24)
    gates = rng.choice((("cx", "rz", "sx", "x"), ("cz", "rz", "sx", "x"), ("ecr", "rz", "sx")))
    shape = "with all qubits coupled" if kind == "full" else f"coupled in a {kind}"
    return Task(
        f"Return the number of coupled qubit pairs of a GenericBackendV2 of {n} qubits {shape},"
        f" with the basis gates {listed(gates)}.",
        "coupled|count_coupled pairs|edges -> int",
        f"""
        backend = GenericBackendV2(
            {n},
            basis_gates={list(gates)},
            coupling_map=CouplingMap.from_{kind}({n}),
            seed=1,
        )
        pairs = {{tuple(sorted(edge)) for edge in backend.coupling_map.get_edges()}}
        return len(pairs)
        """.replace("'", '"'),
        f"assert candidate() == {_SHAPES[kind](n)}",
    )


# Snapshots of retired devices, and their numbers of qubits.
_FAKES = {
    "Belem": 5,
    "Guadalupe": 16,
    "Jakarta": 7,
    "Lagos": 7,
    "Lima": 5,
    "Manila": 5,
    "Nairobi": 7,
    "Quito": 5,
}


def fake_backend(rng: Random, _: bool) -> Task:
    device = rng.choice(list(_FAKES))
    what, attribute, value = rng.choice(
        (
            ("number of qubits", "num_qubits", _FAKES[device]),
            ("name", "name", f"fake_{device.lower()}"),
        )
    )
    return Task(
        f"Return the {what} of Fake{device}V2.",
        f"get|backend info|value -> {type(value).__name__}",
        f"return Fake{device}V2().{attribute}",
        f"assert candidate() == {value!r}",
    )


def gate_target(rng: Random, _: bool) -> Task:
    n, gate = rng.randint(1, 6), rng.choice(("SXGate", "XGate", "HGate", "YGate"))
    duration, error = rng.randrange(20, 200, 5), rng.randint(1, 99)
    name = gate.removesuffix("Gate").lower()
    return Task(
        f"Return the error of {name} on the last qubit of a Target of {counted(n, 'qubit')} where"
        f" {name} takes {duration} ns and has the error {error}e-5 times one plus the qubit's"
        " index.",
        "target|gate error|error_on_last -> float",
        f"""
        target = Target()
        properties = {{
            (q,): InstructionProperties(duration={duration}e-9, error={error}e-5 * (1 + q))
            for q in range({n})
        }}
        target.add_instruction({gate}(), properties)
        return target["{name}"][({n - 1},)].error
        """,
        f"assert abs(candidate() - {error * n} / 100000) < 1e-9",
    )


def ask_neighbours(rng: Random, picture: bool) -> Question:
    device = given_graph(rng, picture, "device", 4)
    qubit = rng.randrange(device.num_qubits)
    found = device.neighbours(qubit)
    ask = rng.choice(
        ("Which qubits are coupled to qubit {} on {}?", "What are qubit {}'s neighbours on {}?")
    )
    return Question(
        ask.format(qubit, device.phrase),
        f"Qubit {qubit} is coupled to qubit{'s' * (len(found) > 1)} {listed(found)}.",
        device,
    )


def ask_couplings(rng: Random, picture: bool) -> Question:
    device = given_graph(rng, picture, "device")
    return Question(
        f"How many couplings does {device.phrase} have, and between how many qubits?",
        f"It has {len(device.edges)} couplings between {device.num_qubits} qubits.",
        device,
    )


def ask_swaps(rng: Random, picture: bool) -> Question:
    device = given_graph(rng, picture, "device", 4)
    a, b = rng.sample(range(device.num_qubits), 2)
    steps = device.distance(a, b)
    return Question(
        f"How many SWAP gates are needed at least before qubits {a} and {b} can interact"
        f" on {device.phrase}?",
        f"They are {steps} couplings apart, so {counted(steps - 1, 'SWAP gate')}."
        if steps > 1
        else "None, they are neighbours.",
        device,
    )
