"""Families about a given circuit: described in the text, or shown in a picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from stages.synthetic.circuits import Circuit, code_lines, qasm_lines, random_circuit
from stages.synthetic.sample import Picture, Task
from stages.synthetic.wording import describe, shown

QC = {"qiskit": "QuantumCircuit"}
OPERATOR = {"qiskit.quantum_info": "Operator"}
STATE = {"qiskit.quantum_info": "Statevector"}


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


def same_operator(_: Circuit) -> list[str]:
    return ["assert Operator(candidate()).equiv(Operator(expected))"]
