"""Questions answered in a sentence: about a circuit, a picture, or a concept."""

from collections.abc import Callable
from random import Random

from stages.synthetic.circuits import Circuit, depth
from stages.synthetic.families.subjects import subject
from stages.synthetic.sample import Family, Picture, Question
from stages.synthetic.wording import op_phrase

CIRCUITS, INFO = "circuits_and_gates", "quantum_info_and_operators"
ALGORITHMS, HARDWARE = "algorithms_and_applications", "hardware_and_providers"
TRANSPILE, RUN = "transpilation_and_compilation", "primitives_and_execution"
NOISE = "noise_and_error_mitigation"


def about(
    asks: tuple[str, ...], answer: Callable[[Circuit], str]
) -> Callable[[Random, bool], Question]:
    def build(rng: Random, picture: bool) -> Question:
        given = subject(rng, picture)
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


def histogram_counts(rng: Random) -> tuple[tuple[str, int], ...]:
    n = rng.choice((1, 2, 2))
    outcomes = [format(i, f"0{n}b") for i in range(2**n)]
    keep = sorted(rng.sample(outcomes, rng.randint(2, len(outcomes))))
    shares = rng.sample(range(60, 460, 40), len(keep))
    return tuple(zip(keep, shares, strict=True))


BLOCH = {
    "0": "the north pole, state |0>",
    "1": "the south pole, state |1>",
    "+": "the positive x axis, state |+>",
    "-": "the negative x axis, state |->",
    "r": "the positive y axis, state |r>",
    "l": "the negative y axis, state |l>",
}


def bloch(rng: Random, _: bool) -> Question:
    label = "".join(rng.choice("01+-rl") for _ in range(rng.choice((1, 1, 2))))
    q = rng.randrange(len(label))
    return Question(
        f"Where does the Bloch vector of qubit {q} point in the picture?",
        f"It points along {BLOCH[label[len(label) - 1 - q]]}.",
        None,
        Picture(bloch=label),
        True,
    )


def choose(
    pairs: tuple[tuple[str, str], ...], frames: tuple[str, ...]
) -> Callable[[Random, bool], Question]:
    def build(rng: Random, _: bool) -> Question:
        subject_, fact = rng.choice(pairs)
        return Question(rng.choice(frames).format(subject_), fact)

    return build


GATE_FACTS = tuple((f"the {name} gate", fact) for name, fact in (
    ("Hadamard", "It maps |0> to |+> and |1> to |->, so it creates an equal superposition."),
    ("Pauli-X", "It flips |0> and |1>, like a classical NOT."),
    ("Pauli-Z", "It leaves |0> alone and flips the phase of |1>."),
    ("Pauli-Y", "It flips the qubit and its phase, and equals iXZ."),
    ("S", "It adds a phase of pi/2 to |1>, and its square is Z."),
    ("T", "It adds a phase of pi/4 to |1>, and its square is S."),
    ("CNOT", "It flips the target qubit when the control qubit is |1>."),
    ("CZ", "It flips the phase of |11> and is symmetric in its qubits."),
    ("SWAP", "It exchanges the states of two qubits and equals three CNOTs."),
))  # fmt: skip
FRAMES = (
    "What does {} do?",
    "Explain {} in a sentence.",
    "Describe the effect of {}.",
    "What is the purpose of {} in Qiskit?",
    "In one sentence, what is {} for?",
    "Why would you use {}?",
)
FACTS = {
    TRANSPILE: (("transpilation", "It rewrites a circuit to the basis gates and connectivity of a backend."), ("optimization level 3", "It spends the most effort on reducing gates and depth."),
                ("optimization level 0", "It only maps the circuit to the backend without optimizing it."), ("a coupling map", "It lists the pairs of qubits on which two-qubit gates can act."),
                ("layout selection", "It assigns virtual qubits to physical qubits."), ("routing", "It inserts SWAP gates so that two-qubit gates act on neighbours.")),
    RUN: (("the Sampler primitive", "It runs circuits and returns their measured bitstrings."), ("the Estimator primitive", "It computes expectation values of observables for circuits."),
          ("a PUB", "It bundles a circuit with its observables and parameter values."), ("the number of shots", "It sets how often a circuit is measured."), ("a Session", "It groups jobs so that they run without queueing again.")),
    NOISE: (("zero-noise extrapolation", "It measures at several noise levels and extrapolates to zero noise."), ("twirling", "It averages over random Pauli gates so that noise becomes a Pauli channel."),
            ("dynamical decoupling", "It applies pulses to idle qubits to cancel slow noise."), ("readout mitigation", "It inverts the measured assignment errors of the outcomes."), ("a depolarizing error", "It replaces the state by the maximally mixed one with some probability.")),
    ALGORITHMS: (("Grover's algorithm", "It finds a marked item among N with about sqrt(N) queries."), ("the quantum Fourier transform", "It maps basis states to phases and underlies phase estimation."), ("phase estimation", "It estimates the phase of an eigenvalue of a unitary."),
                 ("VQE", "It minimises the energy of a parameterised state with a classical optimiser."), ("QAOA", "It alternates cost and mixer layers to solve optimisation problems."), ("the Bernstein-Vazirani algorithm", "It finds a secret string with one query.")),
    HARDWARE: (("QiskitRuntimeService", "It gives access to IBM backends and their jobs."), ("a fake backend", "It mimics the properties of a real device for local tests."), ("T1", "It is the time in which a qubit relaxes from |1> to |0>."), ("T2", "It is the time in which a qubit loses its phase."), ("a backend target", "It lists the instructions of a device with their errors and durations.")),
    INFO: (("a density matrix", "It describes pure and mixed states alike."), ("the partial trace", "It gives the state of a part by discarding the rest."), ("state fidelity", "It measures how close two states are, from 0 to 1."), ("entanglement entropy", "It measures how strongly two parts are entangled."), ("a stabilizer", "It is an operator that leaves a state unchanged.")),
}  # fmt: skip

FAMILIES = [
    Family(
        "ask_depth", CIRCUITS, 3, 4, about(("What is the depth of {}", "How deep is {}"), _depth)
    ),
    Family(
        "ask_first",
        CIRCUITS,
        3,
        4,
        about(("What is the first gate of {}", "Which gate does {} apply first"), _first),
    ),
    Family(
        "ask_last",
        CIRCUITS,
        2.5,
        3,
        about(("What is the last gate of {}", "Which gate does {} apply last"), _last),
    ),
    Family(
        "ask_gates",
        CIRCUITS,
        1,
        6,
        about(
            ("What does {} do", "Which gates does {} apply", "What are the steps of {}"), _describe
        ),
    ),
    Family(
        "ask_entangling",
        TRANSPILE,
        3,
        3,
        about(
            ("How many two-qubit gates does {} have", "How many two-qubit gates are in {}"),
            _entangling,
        ),
    ),
    Family(
        "ask_size",
        HARDWARE,
        3,
        4,
        about(("How many qubits and gates does {} use", "What resources does {} need"), _qubits),
    ),
    Family("ask_histogram", RUN, 0, 8, histogram),
    Family("ask_bloch", INFO, 0, 5, bloch),
    Family("gate_fact", CIRCUITS, 2, 0, choose(GATE_FACTS, FRAMES)),
    *(
        Family(f"{category.split('_')[0]}_fact", category, 3, 0, choose(facts, FRAMES))
        for category, facts in FACTS.items()
    ),
]
