"""What tasks are about: a given circuit, told or shown; bitstrings; counts in a histogram."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from ketune.synthetic.circuits import Circuit, code_lines, qasm_lines, random_circuit
from ketune.synthetic.sample import Picture, Task
from ketune.synthetic.wording import describe, shown

NOUNS = ("circuit", "qc", "program")
QC = {"qiskit": "QuantumCircuit"}
OPERATOR = {"qiskit.quantum_info": "Operator"}
STATE = {"qiskit.quantum_info": "Statevector"}
SAME_STATE = "assert Statevector(candidate()).equiv(Statevector(expected))"
SAME_OPERATOR = "assert Operator(candidate()).equiv(Operator(expected))"


def names(verbs: Sequence[str], nouns: Sequence[str]) -> tuple[str, ...]:
    """Candidate function names, verb_noun."""
    return tuple(f"{verb}_{noun}" for verb in verbs for noun in nouns)


def expected(circuit: Circuit) -> list[str]:
    """Lines that rebuild the circuit from OpenQASM, so that no test repeats the answer's code."""
    text = " ".join(qasm_lines(circuit))
    return [
        f"expected = QuantumCircuit.from_qasm_str('OPENQASM 2.0; include \"qelib1.inc\"; {text}')"
    ]


@dataclass(frozen=True)
class Subject:
    """A circuit, the noun phrase that refers to it, and its picture if it is shown."""

    circuit: Circuit
    phrase: str
    picture: Picture | None
    needs_image: bool


@dataclass(frozen=True)
class Size:
    """Bounds of a random circuit; pictures have `max_shown` gates at most."""

    max_qubits: int = 3
    max_ops: int = 4
    max_shown: int = 4


SMALL, LARGE = Size(), Size(max_qubits=4, max_ops=6, max_shown=5)


def subject(rng: Random, picture: bool, min_qubits: int = 1, size: Size = SMALL) -> Subject:
    """A random circuit; one picture in seven repeats what the text says."""
    shape = {"min_qubits": min_qubits, "max_qubits": size.max_qubits}
    if not picture:
        circuit = random_circuit(rng, **shape, max_ops=size.max_ops)
        return Subject(circuit, describe(circuit, rng), None, False)
    circuit = random_circuit(rng, **shape, max_ops=size.max_shown, rotations=0.0)
    told = rng.random() < 1 / 7
    phrase = describe(circuit, rng) if told else shown(rng)
    return Subject(circuit, phrase, Picture(circuit=circuit), not told)


Body = Callable[[Circuit], Sequence[str]]
Builder = Callable[[Random, bool], Task]


def circuit_task(
    given: Subject,
    ask: str,
    body: Sequence[str],
    check: Sequence[str],
    task_names: tuple[str, ...],
    returns: str = "QuantumCircuit",
    imports: dict[str, str] | None = None,
    check_imports: dict[str, str] | None = None,
) -> Task:
    """A task about `given`: `body` goes on from its circuit `qc`, `check` from `expected`."""
    circuit = given.circuit
    return Task(
        ask=ask.format(given.phrase) + ".",
        body=(*code_lines(circuit), *body),
        check=(*expected(circuit), *check),
        names=task_names,
        returns=returns,
        imports=QC | (imports or {}) | ({"math": "pi"} if circuit.has_angles else {}),
        check_imports=QC | (check_imports or {}),
        circuit=circuit,
        picture=given.picture,
        needs_image=given.needs_image,
    )


def about_circuit(
    asks: Sequence[str],
    body: Body,
    check: Body,
    task_names: tuple[str, ...],
    returns: str,
    imports: dict[str, str] | None = None,
    check_imports: dict[str, str] | None = None,
    min_qubits: int = 1,
) -> Callable[..., Task]:
    """A family's builder: `{}` in an ask stands for the circuit, of the builder's `size`."""

    def build(rng: Random, picture: bool, size: Size = SMALL) -> Task:
        given = subject(rng, picture, min_qubits, size)
        ask, circuit = rng.choice(asks), given.circuit
        lines, test = body(circuit), check(circuit)
        return circuit_task(given, ask, lines, test, task_names, returns, imports, check_imports)

    return build


def bits(rng: Random, low: int = 2, high: int = 4) -> str:
    """A bitstring of `low` to `high` bits that holds a 1."""
    length = rng.randint(low, high)
    while True:
        text = "".join(rng.choice("01") for _ in range(length))
        if "1" in text:
            return text


def histogram_counts(rng: Random, wide: bool = False) -> tuple[tuple[str, int], ...]:
    """(bitstring, shots) of two to four outcomes of one or two qubits; all shots differ.

    `wide`: two to six outcomes of one to three qubits.
    """
    n = rng.choice((1, 2, 3, 3) if wide else (1, 2, 2))
    outcomes = [format(i, f"0{n}b") for i in range(2**n)]
    if wide:
        keep = sorted(rng.sample(outcomes, rng.randint(2, min(6, len(outcomes)))))
        return tuple(zip(keep, rng.sample(range(40, 800, 8), len(keep)), strict=True))
    keep = sorted(rng.sample(outcomes, rng.randint(2, len(outcomes))))
    shares = rng.sample(range(60, 460, 40), len(keep))
    return tuple(zip(keep, shares, strict=True))
