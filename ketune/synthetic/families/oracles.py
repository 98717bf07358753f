"""Families about oracles, Grover's search, and reading a secret off a circuit."""

from math import floor, pi, sqrt
from random import Random

from ketune.synthetic.circuits import Circuit, Op, canonical
from ketune.synthetic.families.subjects import SAME_OPERATOR, bits, counted, lines, listed, ones
from ketune.synthetic.sample import Given, Picture, Question, Task
from ketune.synthetic.wording import describe


def bernstein_vazirani(rng: Random, _: bool, max_bits: int = 5) -> Task:
    s = bits(rng, 2, max_bits)
    n = len(s)
    return Task(
        f"Build the Bernstein-Vazirani oracle for the secret {s}, with the ancilla as the last"
        " qubit.",
        "bv|secret oracle",
        f"""
        qc = QuantumCircuit({n + 1})
        {lines(f"qc.cx({i}, {n})" for i in ones(s))}
        return qc
        """,
        f"""
        state = Operator(candidate())
        oracle = QuantumCircuit({n + 1})
        [oracle.cx(i, {n}) for i, b in enumerate(reversed('{s}')) if b == '1']
        assert state.equiv(Operator(oracle))
        """,
    )


def deutsch(rng: Random, _: bool) -> Task:
    kind, n = rng.choice(("constant", "balanced")), rng.randint(1, 4)
    what = "always one" if kind == "constant" else "the parity of the inputs"
    gates = f"qc.x({n})" if kind == "constant" else lines(f"qc.cx({i}, {n})" for i in range(n))
    return Task(
        f"Build a {kind} Deutsch-Jozsa oracle for {counted(n, 'input qubit')}, {what}.",
        "dj|deutsch_jozsa oracle",
        f"""
        qc = QuantumCircuit({n + 1})
        {gates}
        return qc
        """,
        f"""
        expected = QuantumCircuit({n + 1})
        {gates.replace("qc", "expected")}
        {SAME_OPERATOR}
        """,
    )


def affine_oracle(rng: Random, _: bool) -> Task:
    """Deutsch-Jozsa and Bernstein-Vazirani with a constant term."""
    mask = bits(rng, 2, 6)
    n, constant = len(mask), rng.randint(0, 1)
    return Task(
        f"Build the balanced Deutsch-Jozsa oracle f(x) = {mask}.x xor {constant}"
        f" on {n} inputs, its output on qubit {n}.",
        "dj|balanced oracle|function",
        f"""
        qc = QuantumCircuit({n + 1})
        {lines(f"qc.cx({i}, {n})" for i in ones(mask))}
        {f"qc.x({n})" * constant}
        return qc
        """,
        f"""
        import numpy as np
        u = np.zeros(({2 ** (n + 1)},) * 2)
        for x in range({2**n}):
            f = (bin(x & {int(mask, 2)}).count('1') + {constant}) % 2
            for y in (0, 1):
                u[x + {2**n} * (y ^ f), x + {2**n} * y] = 1
        assert Operator(candidate()).equiv(Operator(u))
        """,
    )


def phase_oracle(rng: Random, _: bool) -> Task:
    s = bits(rng, 2, 3)
    n = len(s)
    flips = lines(f"qc.x({i})" for i in range(n) if i not in ones(s))
    return Task(
        f"Build a Grover oracle that flips the phase of |{s}>.",
        "grover|phase oracle",
        f"""
        qc = QuantumCircuit({n})
        {flips}
        {"qc.cz(0, 1)" if n == 2 else "qc.ccz(0, 1, 2)"}
        {flips}
        return qc
        """,
        f"""
        import numpy as np
        d = np.ones({2**n})
        d[{int(s, 2)}] = -1
        assert Operator(candidate()).equiv(Operator(np.diag(d)))
        """,
    )


def mark_states(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 5)
    marked = sorted(rng.sample(range(2**n), rng.randint(1, min(3, 2**n - 1))))
    labels = [format(state, f"0{n}b") for state in marked]
    return Task(
        f"Build a phase oracle on {n} qubits that marks {listed(f'|{x}>' for x in labels)}.",
        "mark|oracle_for states|items",
        f"""
        qc = QuantumCircuit({n})
        for state in {labels}:
            zeros = [i for i, bit in enumerate(reversed(state)) if bit == "0"]
            if zeros:
                qc.x(zeros)
            qc.mcp(pi, list(range({n - 1})), {n - 1})
            if zeros:
                qc.x(zeros)
        return qc
        """.replace("'", '"'),
        f"""
        import numpy as np
        signs = np.ones({2**n})
        signs[{marked}] = -1
        assert Operator(candidate()).equiv(Operator(np.diag(signs)))
        """,
    )


def grover(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 5)
    marked, rounds = format(rng.randrange(2**n), f"0{n}b"), rng.randint(1, 3)
    return Task(
        f"Return the probability to measure {marked} after {counted(rounds, 'Grover iteration')}"
        " that search for it, from the uniform superposition.",
        "grover|search success|probability -> float",
        f"""
        qc = QuantumCircuit({n})
        qc.h(range({n}))
        oracle = Statevector.from_label("{marked}").to_operator()
        oracle = Operator(np.eye({2**n}) - 2 * oracle.data)
        uniform = np.full(({2**n}, {2**n}), 1 / {2**n})
        diffusion = Operator(2 * uniform - np.eye({2**n}))
        for _ in range({rounds}):
            qc.unitary(oracle, range({n}))
            qc.unitary(diffusion, range({n}))
        return float(Statevector(qc).probabilities_dict().get("{marked}", 0))
        """,
        f"""
        from math import asin, sin
        angle = {2 * rounds + 1} * asin({2**n} ** -0.5)
        assert abs(candidate() - sin(angle) ** 2) < 1e-6
        """,
    )


def simon(rng: Random, _: bool) -> Task:
    secret = bits(rng, 2, 4)
    n, pivot = len(secret), ones(secret)[0]
    return Task(
        f"Build a Simon oracle with the secret {secret}: inputs on qubits 0 to {n - 1}, and outputs"
        f" on {n} to {2 * n - 1} that agree exactly on x and x xor {secret}.",
        "simon|hidden oracle|xor_oracle",
        f"""
        qc = QuantumCircuit({2 * n})
        {lines(f"qc.cx({i}, {n + i})" for i in range(n))}
        {lines(f"qc.cx({pivot}, {n + i})" for i in ones(secret))}
        return qc
        """,
        f"""
        qc, found = candidate(), {{}}
        for x in range({2**n}):
            start = QuantumCircuit({2 * n})
            [start.x(i) for i in range({n}) if x >> i & 1]
            state = Statevector(start.compose(qc)).probabilities_dict()
            assert len(state) == 1
            found.setdefault(next(iter(state))[:{n}], []).append(x)
        assert all(len(p) == 2 and p[0] ^ p[1] == {int(secret, 2)} for p in found.values())
        """,
    )


def ask_oracle(rng: Random, picture: bool) -> Question:
    secret = bits(rng, 2, 3)
    n = len(secret)
    ops = [Op("cx", (i, n)) for i in ones(secret)]
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
        Given(phrase, Picture(circuit=circuit) if picture else None, circuit=circuit),
    )


def ask_grover(rng: Random, _: bool) -> Question:
    n = rng.randint(3, 14)
    marked = rng.randint(1, 2 ** (n - 2))
    items = "the one marked item" if marked == 1 else f"one of {marked} marked items"
    rounds = floor(pi / 4 * sqrt(2**n / marked))
    return Question(
        f"About how many Grover iterations find {items} among {2**n}?",
        f"About pi/4 sqrt({2**n}/{marked}), so {rounds}.",
    )
