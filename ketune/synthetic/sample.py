"""What the families produce, and the raw row that becomes of it."""

import ast
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from ketune.synthetic.circuits import Circuit, qasm

CIRCUITS = "circuits_and_gates"
INFO = "quantum_info_and_operators"
ALGORITHMS = "algorithms_and_applications"
HARDWARE = "hardware_and_providers"
TRANSPILATION = "transpilation_and_compilation"
EXECUTION = "primitives_and_execution"
NOISE = "noise_and_error_mitigation"
CATEGORIES = (CIRCUITS, INFO, ALGORITHMS, HARDWARE, TRANSPILATION, EXECUTION, NOISE)


@dataclass(frozen=True)
class Picture:
    """What to draw: a circuit diagram, a histogram of counts, or the Bloch spheres of a state.

    `counts` are (bitstring, shots) pairs; `bloch` is a label of `Statevector.from_label`.
    """

    circuit: Circuit | None = None
    measured: bool = False
    counts: tuple[tuple[str, int], ...] = ()
    bloch: str = ""


@dataclass(frozen=True)
class Graph:
    """A drawing of qubits on a circle and the pairs of them that are joined."""

    num_qubits: int
    edges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Plot:
    """A drawing of expectation values over noise factors: (factor, value) points."""

    points: tuple[tuple[int, float], ...]


Drawing = Picture | Graph | Plot


@dataclass(frozen=True)
class Given:
    """What a task is about: `phrase` names it in the text, `picture` shows it.

    `told`: the phrase says all that the picture shows. `circuit` is set where it is a circuit.
    """

    phrase: str = ""
    picture: Drawing | None = None
    told: bool = False
    circuit: Circuit | None = None

    @property
    def needs_image(self) -> bool:
        return self.picture is not None and not self.told


@dataclass(frozen=True)
class Task:
    """A code task before its form (function_completion or code_generation) is chosen.

    `ask`: imperative sentences. `signature`: the function's name and what it returns, "verb noun"
    or "verb noun -> type"; alternatives of a word are separated by |. `body`: what stands in the
    function. `check`: what stands in `check(candidate)`, an expectation reached by another way than
    `body`. Both are blocks (see code.block) and import nothing that code.imports can find. On a
    given circuit, `body` goes on from it in the variable `qc` and `check` in `expected`.
    """

    ask: str
    signature: str
    body: str
    check: str
    given: Given = Given()

    @property
    def names(self) -> list[str]:
        """Candidate function names, verb_noun."""
        verbs, nouns = self.signature.partition(" -> ")[0].split()
        return [f"{verb}_{noun}" for verb in verbs.split("|") for noun in nouns.split("|")]

    @property
    def returns(self) -> str:
        return self.signature.partition(" -> ")[2] or "QuantumCircuit"


@dataclass(frozen=True)
class Question:
    """A question answered in a sentence or two.

    `fact`: what many wordings of a question ask for alike, "" where each has an answer of its own.
    """

    ask: str
    answer: str
    given: Given = Given()
    fact: str = ""


@dataclass(frozen=True)
class Family:
    """A kind of task. `weight` and `illustrated` are its shares among text and picture samples."""

    name: str
    category: str
    weight: float
    illustrated: float
    build: Callable[[Random, bool], Task | Question]


@dataclass(frozen=True)
class Tier:
    """Families of code tasks and of questions, among which the stream draws by weight."""

    code: Sequence[Family]
    questions: Sequence[Family]

    @property
    def families(self) -> tuple[Family, ...]:
        return (*self.code, *self.questions)


@dataclass(frozen=True)
class Sample:
    """One row of the raw schema, and what the generator knows about it.

    `program` is the complete module that answers a code sample; it, `test_code` and `entry_point`
    are "" for qa. `image` is PNG bytes, None without a picture or before it is drawn.
    """

    question: str
    answer: str
    category: str
    type: str
    family: str
    given: Given
    fingerprint: str
    test_code: str = ""
    entry_point: str = ""
    program: str = ""
    fact: str = ""
    image: bytes | None = None
    source: str = "ketune/synthetic"

    @property
    def picture(self) -> Drawing | None:
        return self.given.picture

    @property
    def needs_image(self) -> bool:
        """The text alone leaves the answer open."""
        return self.given.needs_image

    @property
    def qasm(self) -> str | None:
        """OpenQASM 2 of the given circuit."""
        return qasm(self.given.circuit) if self.given.circuit else None

    @property
    def subject(self) -> str:
        """Identifies the circuit, the picture or the fact that it is about, "" without one."""
        return self.qasm or (repr(self.picture) if self.picture else self.fact)


def code_fingerprint(program: str, entry_point: str) -> str:
    """Identity of a program up to formatting, annotations, docstring and the function's name.

    Two families that ask for one program share a fingerprint, so they never meet across splits.
    """
    tree = ast.parse(program)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            node.name = "f"
            node.returns = None
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def question_fingerprint(question: Question) -> str:
    """Identity of a question: its words in lower case, and the circuit or picture it is about."""
    words = " ".join(re.findall(r"\w+", question.ask.lower()))
    given = question.given
    return hashlib.sha256(f"{words}|{given.circuit}|{given.picture}".encode()).hexdigest()
