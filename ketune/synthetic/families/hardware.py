"""Families about devices: coupling maps and backends."""

from random import Random

from ketune.synthetic.families.subjects import names
from ketune.synthetic.sample import Task


def coupling(rng: Random, _: bool, max_qubits: int = 9) -> Task:
    kind, n = rng.choice(("line", "ring", "full")), rng.randint(3, max_qubits)
    edges = {"line": n - 1, "ring": n, "full": n * (n - 1) // 2}[kind]
    return Task(
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


def distance(rng: Random, _: bool, max_qubits: int = 9) -> Task:
    n = rng.randint(4, max_qubits)
    a, b = sorted(rng.sample(range(n), 2))
    return Task(
        f"Return the distance of qubits {a} and {b} on a line of {n} qubits.",
        [f"return int(CouplingMap.from_line({n}).distance({a}, {b}))"],
        [f"assert candidate() == {b - a}"],
        names(("distance", "hops"), ("on_line", "between")),
        "int",
        imports={"qiskit.transpiler": "CouplingMap"},
    )


def backend(rng: Random, _: bool, max_qubits: int = 12) -> Task:
    n = rng.randint(2, max_qubits)
    gates = rng.choice((("cx", "rz", "sx", "x"), ("cz", "rz", "sx", "x"), ("cx", "h", "rz")))
    listed = ", ".join(f'"{g}"' for g in gates)
    return Task(
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
    return Task(
        f"Return the {what} of {fake}.",
        [f"return {fake}().{code}"],
        [check],
        names(("get", "backend"), ("info", "value")),
        "int" if code == "num_qubits" else "str",
        imports={"qiskit_ibm_runtime.fake_provider": fake},
    )
