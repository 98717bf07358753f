"""Questions answered in a sentence: about a circuit, a picture, or a concept."""

from collections.abc import Callable, Sequence
from random import Random

from ketune.synthetic.circuits import Circuit, depth
from ketune.synthetic.families.facts import FRAMES
from ketune.synthetic.families.subjects import LARGE, SMALL, Size, histogram_counts, subject
from ketune.synthetic.sample import Picture, Question
from ketune.synthetic.wording import op_phrase

Builder = Callable[[Random, bool], Question]


def about(asks: tuple[str, ...], answer: Callable[[Circuit], str]) -> Callable[..., Question]:
    """A family's builder: `{}` in an ask stands for the circuit, of the builder's `size`."""

    def build(rng: Random, picture: bool, size: Size = SMALL) -> Question:
        given = subject(rng, picture, size=size)
        return Question(
            rng.choice(asks).format(given.phrase) + "?",
            answer(given.circuit),
            given.circuit,
            given.picture,
            given.needs_image,
        )

    return build


def _depth(c: Circuit) -> str:
    return f"The depth is {depth(c)}."


def _first(c: Circuit) -> str:
    return f"The first gate is {op_phrase(c.ops[0], 'plain')}."


def _last(c: Circuit) -> str:
    return f"The last gate is {op_phrase(c.ops[-1], 'plain')}."


def _describe(c: Circuit) -> str:
    return f"It has {c.num_qubits} qubit{'s' * (c.num_qubits > 1)} and applies {', '.join(op_phrase(op, 'plain') for op in c.ops)}."


def _entangling(c: Circuit) -> str:
    count = sum(len(op.qubits) == 2 for op in c.ops)
    return f"It has {count} two-qubit gate{'s' * (count != 1)}."


def _qubits(c: Circuit) -> str:
    return f"It uses {c.num_qubits} qubit{'s' * (c.num_qubits > 1)} and {len(c.ops)} gate{'s' * (len(c.ops) > 1)}."


depth_of = about(("What is the depth of {}", "How deep is {}"), _depth)
first_gate = about(("What is the first gate of {}", "Which gate does {} apply first"), _first)
last_gate = about(("What is the last gate of {}", "Which gate does {} apply last"), _last)
all_gates = about(
    ("What does {} do", "Which gates does {} apply", "What are the steps of {}"), _describe
)
entangling_gates = about(
    ("How many two-qubit gates does {} have", "How many two-qubit gates are in {}"), _entangling
)
size_of = about(("How many qubits and gates does {} use", "What resources does {} need"), _qubits)


def histogram(rng: Random, _: bool) -> Question:
    counts = histogram_counts(rng)
    best = max(counts, key=lambda item: item[1])[0]
    worst = min(counts, key=lambda item: item[1])[0]
    most = rng.random() < 0.7
    word, answer = ("most", best) if most else ("least", worst)
    return Question(
        f"Which outcome of the histogram is the {word} frequent?",
        f"The {word} frequent outcome is {answer}.",
        None,
        Picture(counts=counts),
        True,
    )


BLOCH = {
    "0": "the north pole, state |0>",
    "1": "the south pole, state |1>",
    "+": "the positive x axis, state |+>",
    "-": "the negative x axis, state |->",
    "r": "the positive y axis, state |r>",
    "l": "the negative y axis, state |l>",
}


def bloch(rng: Random, _: bool, sizes: Sequence[int] = (1, 1, 2)) -> Question:
    label = "".join(rng.choice("01+-rl") for _ in range(rng.choice(sizes)))
    q = rng.randrange(len(label))
    return Question(
        f"Where does the Bloch vector of qubit {q} point in the picture?",
        f"It points along {BLOCH[label[len(label) - 1 - q]]}.",
        None,
        Picture(bloch=label),
        True,
    )


def choose(facts: Sequence[tuple[str, str]], frames: Sequence[str] = FRAMES) -> Builder:
    """A family's builder: one of the facts, asked for in one of the frames."""

    def build(rng: Random, _: bool) -> Question:
        concept, fact = rng.choice(facts)
        return Question(rng.choice(frames).format(concept), fact, fact=fact)

    return build


def ask_commute(rng: Random, _: bool) -> Question:
    n = rng.randint(2, 5)
    a, b = ("".join(rng.choice("IXYZ") for _ in range(n)) for _ in range(2))
    differ = sum(p != q and "I" not in (p, q) for p, q in zip(a, b, strict=True))
    places = f"{differ} place{'s' * (differ != 1)}"
    return Question(
        f"Do the Paulis {a} and {b} commute?",
        f"{'No' if differ % 2 else 'Yes'}, they anticommute in {places}.",
    )


def ask_probability(rng: Random, _: bool) -> Question:
    label = "".join(rng.choice("01+-rl") for _ in range(rng.randint(1, 4)))
    outcome = "".join(bit if bit in "01" else rng.choice("01") for bit in label)
    if rng.random() < 0.2:
        outcome = "".join(rng.choice("01") for _ in label)
    superposed = sum(letter not in "01" for letter in label)
    fits = all(letter in (bit, *"+-rl") for letter, bit in zip(label, outcome, strict=True))
    answer = f"1/{2**superposed}" if superposed else "1"
    return Question(
        f"How likely is the outcome {outcome} when the state '{label}' is measured?",
        f"Its probability is {answer if fits else 0}.",
    )


def gates_on_wire(rng: Random, picture: bool) -> Question:
    given = subject(rng, picture, size=LARGE)
    wire = rng.randrange(given.circuit.num_qubits)
    number = sum(wire in op.qubits for op in given.circuit.ops)
    return Question(
        f"How many gates act on qubit {wire} of {given.phrase}?",
        f"{number} gate{'s' * (number != 1)} act{'s' * (number == 1)} on qubit {wire}.",
        given.circuit,
        given.picture,
        given.needs_image,
    )
