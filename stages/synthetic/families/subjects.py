"""What tasks are about: a given circuit, told or shown; bitstrings; counts in a histogram."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from stages.synthetic.circuits import Circuit, code_lines, qasm_lines, random_circuit
from stages.synthetic.sample import Picture, Task
from stages.synthetic.wording import describe, shown

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


def subject(rng: Random, picture: bool, min_qubits: int = 1) -> Subject:
    """A random circuit; one picture in seven repeats what the text says."""
    if not picture:
        circuit = random_circuit(rng, min_qubits=min_qubits)
        return Subject(circuit, describe(circuit, rng), None, False)
    circuit = random_circuit(rng, min_qubits=min_qubits, rotations=0.0)
    told = rng.random() < 1 / 7
    phrase = describe(circuit, rng) if told else shown(rng)
    return Subject(circuit, phrase, Picture(circuit=circuit), not told)


Body = Callable[[Circuit], Sequence[str]]


def about_circuit(
    asks: Sequence[str],
    body: Body,
    check: Body,
    task_names: tuple[str, ...],
    returns: str,
    imports: dict[str, str] | None = None,
    check_imports: dict[str, str] | None = None,
    min_qubits: int = 1,
) -> Callable[[Random, bool], Task]:
    """A family's builder: `{}` in an ask stands for the circuit."""

    def build(rng: Random, picture: bool) -> Task:
        given = subject(rng, picture, min_qubits)
        circuit = given.circuit
        return Task(
            ask=rng.choice(asks).format(given.phrase) + ".",
            body=(*code_lines(circuit), *body(circuit)),
            check=(*expected(circuit), *check(circuit)),
            names=task_names,
            returns=returns,
            imports=QC | (imports or {}) | ({"math": "pi"} if circuit.has_angles else {}),
            check_imports=QC | (check_imports or {}),
            circuit=circuit,
            picture=given.picture,
            needs_image=given.needs_image,
        )

    return build


def bits(rng: Random, low: int = 2, high: int = 4) -> str:
    """A bitstring of `low` to `high` bits that holds a 1."""
    length = rng.randint(low, high)
    while True:
        text = "".join(rng.choice("01") for _ in range(length))
        if "1" in text:
            return text


def histogram_counts(rng: Random) -> tuple[tuple[str, int], ...]:
    """(bitstring, shots) of two to four outcomes of one or two qubits; all shots differ."""
    n = rng.choice((1, 2, 2))
    outcomes = [format(i, f"0{n}b") for i in range(2**n)]
    keep = sorted(rng.sample(outcomes, rng.randint(2, len(outcomes))))
    shares = rng.sample(range(60, 460, 40), len(keep))
    return tuple(zip(keep, shares, strict=True))
