"""What tasks are about: a given circuit, told or shown; bitstrings; counts in a histogram."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random

from ketune.synthetic.circuits import Circuit, random_circuit
from ketune.synthetic.sample import Given, Picture, Task
from ketune.synthetic.wording import describe, shown

# Checks, which families end with.
SAME_STATE = "assert Statevector(candidate()).equiv(Statevector(expected))"
SAME_OPERATOR = "assert Operator(candidate()).equiv(Operator(expected))"

PAULIS = "IXYZ"
# Qiskit's letters for the eigenstates of Z, X and Y.
EIGENSTATES = "01+-rl"


@dataclass(frozen=True, kw_only=True)
class GivenCircuit(Given):
    """A circuit that a task is about."""

    circuit: Circuit

    @property
    def num_qubits(self) -> int:
        return self.circuit.num_qubits


@dataclass(frozen=True)
class Size:
    """Bounds of a random circuit; pictures have `max_shown` gates at most."""

    max_qubits: int = 3
    max_ops: int = 4
    max_shown: int = 4


SMALL, LARGE = Size(), Size(max_qubits=4, max_ops=6, max_shown=5)


def given_circuit(
    rng: Random, picture: bool, min_qubits: int = 1, size: Size = LARGE
) -> GivenCircuit:
    """A random circuit; one picture in seven repeats what the text says."""
    shape = {"min_qubits": min_qubits, "max_qubits": size.max_qubits}
    if not picture:
        circuit = random_circuit(rng, **shape, max_ops=size.max_ops)
        return GivenCircuit(describe(circuit, rng), circuit=circuit)
    circuit = random_circuit(rng, **shape, max_ops=size.max_shown, rotations=0.0)
    told = rng.random() < 1 / 7
    phrase = describe(circuit, rng) if told else shown(rng)
    return GivenCircuit(phrase, Picture(circuit=circuit), told, circuit=circuit)


Block = str | Callable[[Circuit], str]


def about_circuit(
    asks: Sequence[str], signature: str, body: Block, check: Block, min_qubits: int = 1
) -> Callable[..., Task]:
    """The builder of a family that asks for one thing about circuits of the builder's `size`.

    `{}` in an ask stands for the circuit; for the others see Task.
    """

    def build(rng: Random, picture: bool, size: Size = SMALL) -> Task:
        given = given_circuit(rng, picture, min_qubits, size)
        lines, test = (
            part if isinstance(part, str) else part(given.circuit) for part in (body, check)
        )
        return Task(rng.choice(asks).format(given.phrase) + ".", signature, lines, test, given)

    return build


def letters(rng: Random, alphabet: str, count: int) -> str:
    """`count` random letters, such as a Pauli or the label of a state."""
    return "".join(rng.choice(alphabet) for _ in range(count))


def bits(rng: Random, low: int = 2, high: int = 4) -> str:
    """A bitstring of `low` to `high` bits that holds a 1."""
    length = rng.randint(low, high)
    while "1" not in (text := letters(rng, "01", length)):
        pass
    return text


def ones(text: str) -> list[int]:
    """The qubits that are 1 in a bitstring, the rightmost being qubit 0."""
    return [qubit for qubit, bit in enumerate(reversed(text)) if bit == "1"]


def lines(statements: Iterable[str]) -> str:
    """Statements one below the other."""
    return "\n".join(statements)


def listed(items: Iterable[object]) -> str:
    """`0, 2, 3`."""
    return ", ".join(map(str, items))


def counted(number: int, noun: str) -> str:
    """`1 qubit`, `2 qubits`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def counts(rng: Random, wide: bool = False) -> tuple[tuple[str, int], ...]:
    """(bitstring, shots) of two to four outcomes of one or two qubits; all shots differ.

    `wide`: two to six outcomes of one to three qubits.
    """
    n = rng.choice((1, 2, 3, 3) if wide else (1, 2, 2))
    outcomes = [format(i, f"0{n}b") for i in range(2**n)]
    most = min(6, len(outcomes))
    keep = sorted(rng.sample(outcomes, rng.randint(2, most)))
    numbers = range(40, 800, 8) if wide else range(60, 460, 40)
    return tuple(zip(keep, rng.sample(numbers, len(keep)), strict=True))
