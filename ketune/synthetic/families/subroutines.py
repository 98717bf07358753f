"""Families about algorithms' building blocks: state preparation, Fourier, phase estimation."""

from math import floor, pi, sqrt
from random import Random

from ketune.synthetic.families.subjects import (
    OPERATOR,
    QC,
    SAME_OPERATOR,
    SAME_STATE,
    STATE,
    names,
)
from ketune.synthetic.sample import Question, Task


def ghz_on(rng: Random, _: bool) -> Task:
    n = rng.randint(3, 9)
    chain = rng.sample(range(n), rng.randint(3, min(n, 6)))
    listed = ", ".join(map(str, chain))
    return Task(
        f"Prepare a GHZ state on qubits {listed} of {n}, leaving the others in |0>.",
        [
            f"qc = QuantumCircuit({n})",
            f"chain = {chain}",
            "qc.h(chain[0])",
            "for a, b in zip(chain, chain[1:]):",
            "    qc.cx(a, b)",
            "return qc",
        ],
        [
            "import numpy as np",
            f"expected = np.zeros({2**n})",
            f"expected[[0, {sum(2**q for q in chain)}]] = 0.5**0.5",
            SAME_STATE,
        ],
        names(("ghz", "prepare_ghz"), ("on_qubits", "subset")),
        check_imports=STATE,
    )


def w_state(rng: Random, _: bool) -> Task:
    n = rng.randint(3, 8)
    order = rng.sample(range(n), rng.randint(3, min(n, 5)))
    k = len(order)
    return Task(
        f"Prepare a W state on qubits {', '.join(map(str, order))} of {n}, the others in |0>.",
        [
            f"qc = QuantumCircuit({n})",
            f"order = {order}",
            "qc.x(order[0])",
            f"for i in range({k - 1}):",
            f"    angle = 2 * acos(({k} - i) ** -0.5)",
            "    qc.cry(angle, order[i], order[i + 1])",
            "    qc.cx(order[i + 1], order[i])",
            "return qc",
        ],
        [
            "import numpy as np",
            f"expected = np.zeros({2**n})",
            f"expected[{[2**q for q in order]}] = {k} ** -0.5",
            SAME_STATE,
        ],
        names(("w", "prepare_w"), ("on_qubits", "circuit")),
        imports=QC | {"math": "acos"},
        check_imports=STATE,
    )


def sparse_state(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 4)
    chosen = sorted(rng.sample(range(2**n), rng.randint(2, min(4, 2**n - 1))))
    labels = " and ".join(f"|{state:0{n}b}>" for state in chosen)
    return Task(
        f"Prepare an equal superposition of {labels}.",
        [
            f"amplitudes = [0.0] * {2**n}",
            f"for state in {chosen}:",
            f"    amplitudes[state] = {len(chosen)} ** -0.5",
            f"qc = QuantumCircuit({n})",
            f"qc.append(StatePreparation(amplitudes), range({n}))",
            "return qc",
        ],
        [
            "p = Statevector(candidate()).data",
            f"chosen = {chosen}",
            "assert all(abs(p[s] - p[chosen[0]]) < 1e-8 for s in chosen)",
            f"assert abs(abs(p[chosen[0]]) ** 2 - 1 / {len(chosen)}) < 1e-8",
        ],
        names(("superpose", "prepare"), ("states", "chosen_states")),
        imports=QC | {"qiskit.circuit.library": "StatePreparation"},
        check_imports=STATE,
    )


def qft_on(rng: Random, _: bool) -> Task:
    k = rng.randint(2, 4)
    state, inverse = rng.randrange(2**k), rng.random() < 0.4
    label, sign = format(state, f"0{k}b"), -1 if inverse else 1
    tail = ".inverse()" * inverse
    return Task(
        f"Apply the {'inverse ' * inverse}quantum Fourier transform to the basis state |{label}>.",
        [
            f"qc = QuantumCircuit({k})",
            *[f"qc.x({i})" for i in range(k) if state >> i & 1],
            f"qc.append(QFTGate({k}){tail}, range({k}))",
            "return qc",
        ],
        [
            "import numpy as np",
            f"expected = np.exp({sign * 2}j * np.pi * {state} * np.arange({2**k}) / {2**k}) / {2**k} ** 0.5",
            SAME_STATE,
        ],
        names(("fourier", "qft"), ("of_state", "basis_state")),
        imports=QC | {"qiskit.circuit.library": "QFTGate"},
        check_imports=STATE,
    )


def phase_estimation(rng: Random, _: bool) -> Task:
    t = rng.randint(2, 5)
    k = rng.randrange(1, 2**t)
    return Task(
        f"Estimate the phase of a P gate of angle 2*pi*{k}/{2**t} on |1> with {t} counting qubits;"
        " return it as a share of a turn.",
        [
            f"qc = QuantumCircuit({t + 1})",
            f"qc.x({t})",
            f"qc.h(range({t}))",
            f"for i in range({t}):",
            f"    qc.cp(2 * pi * {k} / {2**t} * 2**i, i, {t})",
            f"qc.append(QFTGate({t}).inverse(), range({t}))",
            f"probabilities = Statevector(qc).probabilities(range({t}))",
            f"return int(probabilities.argmax()) / {2**t}",
        ],
        [f"assert abs(candidate() - {k / 2**t!r}) < 1e-9"],
        names(("estimate", "find"), ("phase", "eigenphase")),
        "float",
        imports=QC
        | {"math": "pi", "qiskit.circuit.library": "QFTGate", "qiskit.quantum_info": "Statevector"},
    )


def add_constant(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 4)
    k = rng.randrange(1, 2**n)
    return Task(
        f"Build a circuit on {n} qubits that adds {k} modulo {2**n}, with phases between a Fourier"
        " transform and its inverse.",
        [
            f"qc = QuantumCircuit({n})",
            f"qc.append(QFTGate({n}), range({n}))",
            f"for i in range({n}):",
            f"    qc.p(2 * pi * {k} * 2**i / {2**n}, i)",
            f"qc.append(QFTGate({n}).inverse(), range({n}))",
            "return qc",
        ],
        [
            "import numpy as np",
            f"expected = np.roll(np.eye({2**n}), {k}, axis=0)",
            SAME_OPERATOR,
        ],
        names(("add", "shift"), ("constant", "modulo")),
        imports=QC | {"math": "pi", "qiskit.circuit.library": "QFTGate"},
        check_imports=OPERATOR,
    )


def trotter_terms(rng: Random, _: bool) -> Task:
    n, reps = rng.randint(2, 3), rng.randint(1, 3)
    time = rng.randint(1, 20) / 10
    terms = [
        ("".join(p), rng.choice((0.5, 1.0, 1.5, 2.0))) for p in rng.sample(sorted(_paulis(n)), 2)
    ]
    listed = ", ".join(f'("{p}", {c})' for p, c in terms)
    written = " + ".join(f"{c} {p}" for p, c in terms)
    return Task(
        f"Evolve under {written} for time {time} with {reps} first-order Trotter"
        f" step{'s' * (reps > 1)}, the terms in this order.",
        [
            f"operator = SparsePauliOp.from_list([{listed}])",
            f"gate = PauliEvolutionGate(operator, {time}, synthesis=LieTrotter(reps={reps}))",
            f"qc = QuantumCircuit({n})",
            f"qc.append(gate, range({n}))",
            "return qc.decompose()",
        ],
        [
            "from scipy.linalg import expm",
            f"first = expm(-1j * {terms[0][1]} * {time} / {reps} * Operator.from_label('{terms[0][0]}').data)",
            f"second = expm(-1j * {terms[1][1]} * {time} / {reps} * Operator.from_label('{terms[1][0]}').data)",
            "step = Operator(second @ first)",
            f"assert Operator(candidate()).equiv(step.power({reps}))",
        ],
        names(("trotter", "evolve"), ("steps", "terms")),
        imports=QC
        | {
            "qiskit.circuit.library": "PauliEvolutionGate",
            "qiskit.quantum_info": "SparsePauliOp",
            "qiskit.synthesis": "LieTrotter",
        },
        check_imports=OPERATOR,
    )


def _paulis(n: int) -> list[tuple[str, ...]]:
    labels: list[tuple[str, ...]] = [()]
    for _ in range(n):
        labels = [(*label, p) for label in labels for p in "IXYZ"]
    return [label for label in labels if set(label) != {"I"}]


def swap_test(rng: Random, _: bool) -> Task:
    a, b = (round(rng.randint(1, 31) / 10, 1) for _ in range(2))
    axis = rng.choice("xy")
    return Task(
        f"Return the probability of outcome 0 on the ancilla of a swap test of r{axis}({a})|0> and"
        f" r{axis}({b})|0>.",
        [
            "qc = QuantumCircuit(3)",
            f"qc.r{axis}({a}, 1)",
            f"qc.r{axis}({b}, 2)",
            "qc.h(0)",
            "qc.cswap(0, 1, 2)",
            "qc.h(0)",
            "return float(Statevector(qc).probabilities([0])[0])",
        ],
        [
            "from math import cos",
            f"assert abs(candidate() - (1 + cos(({a} - {b}) / 2) ** 2) / 2) < 1e-8",
        ],
        names(("swap_test", "compare"), ("zero_probability", "rotated_states")),
        "float",
        imports=QC | {"qiskit.quantum_info": "Statevector"},
    )


def superdense(rng: Random, _: bool) -> Task:
    message, n = format(rng.randrange(4), "02b"), rng.randint(2, 6)
    a, b = rng.sample(range(n), 2)
    encode = [f"qc.x({a})"] * (message[1] == "1") + [f"qc.z({a})"] * (message[0] == "1")
    return Task(
        f"Send the two bits {message} by superdense coding: Bell pair on qubits {a} and {b} of {n},"
        f" encode on qubit {a} (X for the right bit, Z for the left), decode with cx and h.",
        [
            f"qc = QuantumCircuit({n})",
            f"qc.h({a})",
            f"qc.cx({a}, {b})",
            *encode,
            f"qc.cx({a}, {b})",
            f"qc.h({a})",
            "return qc",
        ],
        [
            f"p = Statevector(candidate()).probabilities([{b}, {a}])",
            f"assert abs(p[{int(message, 2)}] - 1) < 1e-8",
        ],
        names(("superdense", "dense_coding"), ("circuit", "message")),
        check_imports=STATE,
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


def ask_phase(rng: Random, _: bool) -> Question:
    t = rng.randint(2, 7)
    k = rng.randrange(1, 2**t)
    return Question(
        f"Phase estimation with {t} counting qubits measures {k:0{t}b}. Which phase is that?",
        f"It is {k}/{2**t} of a turn, {k / 2**t:g}.",
    )
