"""Families about oracles over wider parameters, and reading them off a circuit."""

from random import Random

from ketune.synthetic.circuits import Circuit, Op, canonical
from ketune.synthetic.families.subjects import OPERATOR, QC, bits, names
from ketune.synthetic.sample import Picture, Question, Task
from ketune.synthetic.wording import describe


def affine_oracle(rng: Random, _: bool) -> Task:
    """Deutsch-Jozsa and Bernstein-Vazirani with a constant term."""
    mask = bits(rng, 2, 6)
    n, constant = len(mask), rng.randint(0, 1)
    flips = [f"qc.cx({i}, {n})" for i, bit in enumerate(reversed(mask)) if bit == "1"]
    return Task(
        f"Build the balanced Deutsch-Jozsa oracle f(x) = {mask}.x xor {constant}"
        f" on {n} inputs, its output on qubit {n}.",
        [
            f"qc = QuantumCircuit({n + 1})",
            *flips,
            *[f"qc.x({n})"] * constant,
            "return qc",
        ],
        [
            "import numpy as np",
            f"u = np.zeros(({2 ** (n + 1)},) * 2)",
            f"for x in range({2**n}):",
            f"    f = (bin(x & {int(mask, 2)}).count('1') + {constant}) % 2",
            "    for y in (0, 1):",
            f"        u[x + {2**n} * (y ^ f), x + {2**n} * y] = 1",
            "assert Operator(candidate()).equiv(Operator(u))",
        ],
        names(("dj", "balanced"), ("oracle", "function")),
        check_imports=OPERATOR,
    )


def mark_states(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 5)
    marked = sorted(rng.sample(range(2**n), rng.randint(1, min(3, 2**n - 1))))
    labels = [format(state, f"0{n}b") for state in marked]
    return Task(
        f"Build a phase oracle on {n} qubits that marks {', '.join(f'|{x}>' for x in labels)}.",
        [
            f"qc = QuantumCircuit({n})",
            f"for state in {labels}:".replace("'", '"'),
            '    zeros = [i for i, bit in enumerate(reversed(state)) if bit == "0"]',
            "    if zeros:",
            "        qc.x(zeros)",
            f"    qc.mcp(pi, list(range({n - 1})), {n - 1})",
            "    if zeros:",
            "        qc.x(zeros)",
            "return qc",
        ],
        [
            "import numpy as np",
            f"signs = np.ones({2**n})",
            f"signs[{marked}] = -1",
            "assert Operator(candidate()).equiv(Operator(np.diag(signs)))",
        ],
        names(("mark", "oracle_for"), ("states", "items")),
        imports=QC | {"math": "pi"},
        check_imports=OPERATOR,
    )


def grover(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 5)
    marked, rounds = format(rng.randrange(2**n), f"0{n}b"), rng.randint(1, 3)
    return Task(
        f"Return the probability to measure {marked} after {rounds} Grover"
        f" iteration{'s' * (rounds > 1)} that search for it, from the uniform superposition.",
        [
            f"qc = QuantumCircuit({n})",
            f"qc.h(range({n}))",
            f'oracle = Statevector.from_label("{marked}").to_operator()',
            f"oracle = Operator(np.eye({2**n}) - 2 * oracle.data)",
            f"uniform = np.full(({2**n}, {2**n}), 1 / {2**n})",
            f"diffusion = Operator(2 * uniform - np.eye({2**n}))",
            f"for _ in range({rounds}):",
            f"    qc.unitary(oracle, range({n}))",
            f"    qc.unitary(diffusion, range({n}))",
            f'return float(Statevector(qc).probabilities_dict().get("{marked}", 0))',
        ],
        [
            "from math import asin, sin",
            f"angle = {2 * rounds + 1} * asin({2**n} ** -0.5)",
            "assert abs(candidate() - sin(angle) ** 2) < 1e-6",
        ],
        names(("grover", "search"), ("success", "probability")),
        "float",
        imports=QC | {"numpy": "as np", "qiskit.quantum_info": "Operator, Statevector"},
    )


def simon(rng: Random, _: bool) -> Task:
    secret = bits(rng, 2, 4)
    n, pivot = len(secret), secret[::-1].index("1")
    copies = [f"qc.cx({i}, {n + i})" for i in range(n)]
    hides = [f"qc.cx({pivot}, {n + i})" for i, bit in enumerate(reversed(secret)) if bit == "1"]
    return Task(
        f"Build a Simon oracle with the secret {secret}: inputs on qubits 0 to {n - 1}, and outputs"
        f" on {n} to {2 * n - 1} that agree exactly on x and x xor {secret}.",
        [f"qc = QuantumCircuit({2 * n})", *copies, *hides, "return qc"],
        [
            "qc, found = candidate(), {}",
            f"for x in range({2**n}):",
            f"    start = QuantumCircuit({2 * n})",
            f"    [start.x(i) for i in range({n}) if x >> i & 1]",
            "    state = Statevector(start.compose(qc)).probabilities_dict()",
            "    assert len(state) == 1",
            f"    found.setdefault(next(iter(state))[:{n}], []).append(x)",
            f"assert all(len(p) == 2 and p[0] ^ p[1] == {int(secret, 2)} for p in found.values())",
        ],
        names(("simon", "hidden"), ("oracle", "xor_oracle")),
        check_imports=QC | {"qiskit.quantum_info": "Statevector"},
    )


def ask_oracle(rng: Random, picture: bool) -> Question:
    secret = bits(rng, 2, 3)
    n = len(secret)
    ops = [Op("cx", (i, n)) for i, bit in enumerate(reversed(secret)) if bit == "1"]
    rng.shuffle(ops)
    # Pairs of gates that cancel, and a flip of the output: neither changes the secret.
    for _ in range(rng.randint(0, 2)):
        ops = [Op(rng.choice("hxyz"), (rng.randrange(n),))] * 2 + ops
    ops += [Op("x", (n,))] * rng.randint(0, 1)
    circuit = canonical(Circuit(n + 1, tuple(ops)))
    phrase = "the circuit in the image" if picture else describe(circuit, rng)
    return Question(
        f"Which secret does {phrase} hide as a Bernstein-Vazirani oracle with its output on"
        f" qubit {n}?",
        f"The secret is {secret}.",
        circuit,
        Picture(circuit=circuit) if picture else None,
        picture,
    )
