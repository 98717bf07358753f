"""Questions answered in a sentence: about a given circuit, Bloch spheres, or a concept."""

from collections.abc import Callable, Mapping, Sequence
from random import Random

from ketune.synthetic.circuits import Circuit, depth
from ketune.synthetic.families.subjects import (
    EIGENSTATES,
    SMALL,
    Size,
    counted,
    given_circuit,
    letters,
    listed,
)
from ketune.synthetic.sample import Given, Picture, Question
from ketune.synthetic.wording import op_phrase


def _about(asks: Sequence[str], answer: Callable[[Circuit], str]) -> Callable[..., Question]:
    """A family's builder: `{}` in an ask stands for the circuit, of the builder's `size`."""

    def build(rng: Random, picture: bool, size: Size = SMALL) -> Question:
        given = given_circuit(rng, picture, size=size)
        ask = rng.choice(asks).format(given.phrase) + "?"
        return Question(ask, answer(given.circuit), given)

    return build


ask_depth = _about(
    ["What is the depth of {}", "How deep is {}"], lambda c: f"The depth is {depth(c)}."
)
ask_first = _about(
    ["What is the first gate of {}", "Which gate does {} apply first"],
    lambda c: f"The first gate is {op_phrase(c.ops[0], 'plain')}.",
)
ask_last = _about(
    ["What is the last gate of {}", "Which gate does {} apply last"],
    lambda c: f"The last gate is {op_phrase(c.ops[-1], 'plain')}.",
)
ask_gates = _about(
    ["What does {} do", "Which gates does {} apply", "What are the steps of {}"],
    lambda c: (
        f"It has {counted(c.num_qubits, 'qubit')} and applies"
        f" {listed(op_phrase(op, 'plain') for op in c.ops)}."
    ),
)
ask_entangling = _about(
    ["How many two-qubit gates does {} have", "How many two-qubit gates are in {}"],
    lambda c: f"It has {counted(sum(len(op.qubits) == 2 for op in c.ops), 'two-qubit gate')}.",
)
ask_size = _about(
    ["How many qubits and gates does {} use", "What resources does {} need"],
    lambda c: f"It uses {counted(c.num_qubits, 'qubit')} and {counted(len(c.ops), 'gate')}.",
)


def ask_wire(rng: Random, picture: bool) -> Question:
    given = given_circuit(rng, picture)
    wire = rng.randrange(given.num_qubits)
    number = sum(wire in op.qubits for op in given.circuit.ops)
    return Question(
        f"How many gates act on qubit {wire} of {given.phrase}?",
        f"{counted(number, 'gate')} act{'s' * (number == 1)} on qubit {wire}.",
        given,
    )


_DIRECTIONS = {
    "0": "the north pole, state |0>",
    "1": "the south pole, state |1>",
    "+": "the positive x axis, state |+>",
    "-": "the negative x axis, state |->",
    "r": "the positive y axis, state |r>",
    "l": "the negative y axis, state |l>",
}


def ask_bloch(rng: Random, _: bool, sizes: Sequence[int] = (1, 1, 2)) -> Question:
    label = letters(rng, EIGENSTATES, rng.choice(sizes))
    q = rng.randrange(len(label))
    return Question(
        f"Where does the Bloch vector of qubit {q} point in the picture?",
        f"It points along {_DIRECTIONS[label[-1 - q]]}.",
        Given(picture=Picture(bloch=label)),
    )


def choose(facts: Mapping[str, str], frames: Sequence[str]) -> Callable[[Random, bool], Question]:
    """A family's builder: one of the facts, asked for in one of the frames."""

    def build(rng: Random, _: bool) -> Question:
        concept, fact = rng.choice(list(facts.items()))
        return Question(rng.choice(frames).format(concept), fact, fact=fact)

    return build
