"""Families about algorithms' building blocks: known states, Fourier transforms, protocols."""

from random import Random

from ketune.synthetic.families.subjects import SAME_OPERATOR, SAME_STATE, lines, listed
from ketune.synthetic.sample import Question, Task


def ghz(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 6)
    style = rng.choice(("chain", "star"))
    how = "a chain of CNOTs" if style == "chain" else "CNOTs from qubit 0"
    verb = rng.choice(("Prepare", "Build", "Create"))
    return Task(
        f"{verb} a GHZ state of {n} qubits with {how}.",
        "ghz|prepare_ghz state|circuit",
        f"""
        qc = QuantumCircuit({n})
        qc.h(0)
        {lines(f"qc.cx({i if style == 'chain' else 0}, {i + 1})" for i in range(n - 1))}
        return qc
        """,
        f"""
        amplitudes = Statevector(candidate()).data
        assert len(amplitudes) == {2**n}
        assert abs(abs(amplitudes[0]) ** 2 - 0.5) < 1e-9 and abs(amplitudes[0] - amplitudes[-1]) < 1e-9
        """,
    )


def ghz_on(rng: Random, _: bool) -> Task:
    n = rng.randint(3, 9)
    chain = rng.sample(range(n), rng.randint(3, min(n, 6)))
    return Task(
        f"Prepare a GHZ state on qubits {listed(chain)} of {n}, leaving the others in |0>.",
        "ghz|prepare_ghz on_qubits|subset",
        f"""
        qc = QuantumCircuit({n})
        chain = {chain}
        qc.h(chain[0])
        for a, b in zip(chain, chain[1:]):
            qc.cx(a, b)
        return qc
        """,
        f"""
        import numpy as np
        expected = np.zeros({2**n})
        expected[[0, {sum(2**q for q in chain)}]] = 0.5**0.5
        {SAME_STATE}
        """,
    )


def w_state(rng: Random, _: bool) -> Task:
    n = rng.randint(3, 8)
    order = rng.sample(range(n), rng.randint(3, min(n, 5)))
    k = len(order)
    return Task(
        f"Prepare a W state on qubits {listed(order)} of {n}, the others in |0>.",
        "w|prepare_w on_qubits|circuit",
        f"""
        qc = QuantumCircuit({n})
        order = {order}
        qc.x(order[0])
        for i in range({k - 1}):
            angle = 2 * acos(({k} - i) ** -0.5)
            qc.cry(angle, order[i], order[i + 1])
            qc.cx(order[i + 1], order[i])
        return qc
        """,
        f"""
        import numpy as np
        expected = np.zeros({2**n})
        expected[{[2**q for q in order]}] = {k} ** -0.5
        {SAME_STATE}
        """,
    )


def sparse_state(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 4)
    chosen = sorted(rng.sample(range(2**n), rng.randint(2, min(4, 2**n - 1))))
    return Task(
        f"Prepare an equal superposition of {' and '.join(f'|{x:0{n}b}>' for x in chosen)}.",
        "superpose|prepare states|chosen_states",
        f"""
        amplitudes = [0.0] * {2**n}
        for state in {chosen}:
            amplitudes[state] = {len(chosen)} ** -0.5
        qc = QuantumCircuit({n})
        qc.append(StatePreparation(amplitudes), range({n}))
        return qc
        """,
        f"""
        p = Statevector(candidate()).data
        chosen = {chosen}
        assert all(abs(p[s] - p[chosen[0]]) < 1e-8 for s in chosen)
        assert abs(abs(p[chosen[0]]) ** 2 - 1 / {len(chosen)}) < 1e-8
        """,
    )


def bell(rng: Random, _: bool, qubits: int = 3) -> Task:
    name, corrections = rng.choice((("phi+", ""), ("phi-", "z"), ("psi+", "x"), ("psi-", "xz")))
    a, b = rng.sample(range(qubits), 2)
    n = max(a, b, 1) + 1
    gates = lines(
        [f"qc = QuantumCircuit({n})", f"qc.h({a})", f"qc.cx({a}, {b})"]
        + [f"qc.{gate}({a})" for gate in corrections]
    )
    return Task(
        f"Prepare the Bell state {name} on qubits {a} and {b} of {n}.",
        "bell|prepare_bell pair|state",
        f"""
        {gates}
        return qc
        """,
        f"""
        {gates.replace("qc", "expected")}
        {SAME_STATE}
        """,
    )


def qft(rng: Random, _: bool) -> Task:
    n, inverse = rng.randint(2, 5), rng.random() < 0.4
    return Task(
        f"Return the {'inverse ' * inverse}quantum Fourier transform on {n} qubits as a circuit.",
        "qft|fourier circuit|transform",
        f"""
        qc = QuantumCircuit({n})
        qc.append(QFTGate({n}){".inverse()" * inverse}, range({n}))
        return qc
        """,
        f"""
        import numpy as np
        f = np.array([[np.exp(2j * np.pi * a * b / {2**n}) for a in range({2**n})] for b in range({2**n})]) / {2**n} ** 0.5
        assert Operator(candidate()).equiv(Operator(f{".conj().T" * inverse}))
        """,
    )


def qft_on(rng: Random, _: bool) -> Task:
    k = rng.randint(2, 4)
    state, inverse = rng.randrange(2**k), rng.random() < 0.4
    factor = -2 if inverse else 2
    return Task(
        f"Apply the {'inverse ' * inverse}quantum Fourier transform to the basis state"
        f" |{state:0{k}b}>.",
        "fourier|qft of_state|basis_state",
        f"""
        qc = QuantumCircuit({k})
        {lines(f"qc.x({i})" for i in range(k) if state >> i & 1)}
        qc.append(QFTGate({k}){".inverse()" * inverse}, range({k}))
        return qc
        """,
        f"""
        import numpy as np
        expected = np.exp({factor}j * np.pi * {state} * np.arange({2**k}) / {2**k}) / {2**k} ** 0.5
        {SAME_STATE}
        """,
    )


def add_constant(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 4)
    k = rng.randrange(1, 2**n)
    return Task(
        f"Build a circuit on {n} qubits that adds {k} modulo {2**n}, with phases between a Fourier"
        " transform and its inverse.",
        "add|shift constant|modulo",
        f"""
        qc = QuantumCircuit({n})
        qc.append(QFTGate({n}), range({n}))
        for i in range({n}):
            qc.p(2 * pi * {k} * 2**i / {2**n}, i)
        qc.append(QFTGate({n}).inverse(), range({n}))
        return qc
        """,
        f"""
        import numpy as np
        expected = np.roll(np.eye({2**n}), {k}, axis=0)
        {SAME_OPERATOR}
        """,
    )


def phase_estimation(rng: Random, _: bool) -> Task:
    t = rng.randint(2, 5)
    k = rng.randrange(1, 2**t)
    return Task(
        f"Estimate the phase of a P gate of angle 2*pi*{k}/{2**t} on |1> with {t} counting qubits;"
        " return it as a share of a turn.",
        "estimate|find phase|eigenphase -> float",
        f"""
        qc = QuantumCircuit({t + 1})
        qc.x({t})
        qc.h(range({t}))
        for i in range({t}):
            qc.cp(2 * pi * {k} / {2**t} * 2**i, i, {t})
        qc.append(QFTGate({t}).inverse(), range({t}))
        probabilities = Statevector(qc).probabilities(range({t}))
        return int(probabilities.argmax()) / {2**t}
        """,
        f"assert abs(candidate() - {k / 2**t!r}) < 1e-9",
    )


def swap_test(rng: Random, _: bool) -> Task:
    a, b = rng.randint(1, 31) / 10, rng.randint(1, 31) / 10
    axis = rng.choice("xy")
    return Task(
        f"Return the probability of outcome 0 on the ancilla of a swap test of r{axis}({a})|0> and"
        f" r{axis}({b})|0>.",
        "swap_test|compare zero_probability|rotated_states -> float",
        f"""
        qc = QuantumCircuit(3)
        qc.r{axis}({a}, 1)
        qc.r{axis}({b}, 2)
        qc.h(0)
        qc.cswap(0, 1, 2)
        qc.h(0)
        return float(Statevector(qc).probabilities([0])[0])
        """,
        f"""
        from math import cos
        assert abs(candidate() - (1 + cos(({a} - {b}) / 2) ** 2) / 2) < 1e-8
        """,
    )


def superdense(rng: Random, _: bool) -> Task:
    message, n = format(rng.randrange(4), "02b"), rng.randint(2, 6)
    a, b = rng.sample(range(n), 2)
    z, x = (bit == "1" for bit in message)
    return Task(
        f"Send the two bits {message} by superdense coding: Bell pair on qubits {a} and {b} of {n},"
        f" encode on qubit {a} (X for the right bit, Z for the left), decode with cx and h.",
        "superdense|dense_coding circuit|message",
        f"""
        qc = QuantumCircuit({n})
        qc.h({a})
        qc.cx({a}, {b})
        {f"qc.x({a})" * x}
        {f"qc.z({a})" * z}
        qc.cx({a}, {b})
        qc.h({a})
        return qc
        """,
        f"""
        p = Statevector(candidate()).probabilities([{b}, {a}])
        assert abs(p[{int(message, 2)}] - 1) < 1e-8
        """,
    )


def teleport(rng: Random, _: bool) -> Task:
    a, b, c = rng.sample(range(3), 3)
    gates = lines(
        [
            "qc = QuantumCircuit(3)",
            f"qc.h({b})",
            f"qc.cx({b}, {c})",
            f"qc.cx({a}, {b})",
            f"qc.h({a})",
        ]
    )
    return Task(
        f"Build the teleportation circuit before measurement: source {a}, Bell pair on {b}"
        f" and {c}.",
        "teleport|teleportation circuit",
        f"""
        {gates}
        return qc
        """,
        f"""
        {gates.replace("qc", "expected")}
        {SAME_OPERATOR}
        """,
    )


def ask_phase(rng: Random, _: bool) -> Question:
    t = rng.randint(2, 7)
    k = rng.randrange(1, 2**t)
    return Question(
        f"Phase estimation with {t} counting qubits measures {k:0{t}b}. Which phase is that?",
        f"It is {k}/{2**t} of a turn, {k / 2**t:g}.",
    )
