"""What the families produce, and the raw row that becomes of it."""

import ast
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from ketune.synthetic.circuits import Circuit

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
class Task:
    """A code task before its form (function_completion or code_generation) is chosen.

    `ask`: imperative sentences. `body`: lines of the function, unindented. `check`: lines of
    `check(candidate)`, an expectation reached by another way than `body`. `names`: candidate
    function names. `imports`: module to what is imported from it, or "as alias" for the module.
    """

    ask: str
    body: Sequence[str]
    check: Sequence[str]
    names: Sequence[str]
    returns: str = "QuantumCircuit"
    imports: Mapping[str, str] = field(default_factory=lambda: {"qiskit": "QuantumCircuit"})
    check_imports: Mapping[str, str] = field(default_factory=dict)
    circuit: Circuit | None = None
    picture: Drawing | None = None
    needs_image: bool = False


@dataclass(frozen=True)
class Question:
    """A question answered in a sentence or two.

    `fact`: what many wordings of a question ask for alike, "" where each has an answer of its own.
    """

    ask: str
    answer: str
    circuit: Circuit | None = None
    picture: Drawing | None = None
    needs_image: bool = False
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

    `image` is PNG bytes, None without a picture or before it is drawn. `program` is the complete
    module that answers a code sample, "" for qa. `qasm` is OpenQASM 2 of the circuit in the
    picture, else of the circuit the task builds. `needs_image`: the text alone leaves it open.
    `subject` identifies the circuit, the picture or the fact that it is about, "" without one.
    """

    question: str
    answer: str
    category: str
    type: str
    test_code: str
    entry_point: str
    source: str
    image: bytes | None
    family: str
    program: str
    qasm: str | None
    needs_image: bool
    fingerprint: str
    subject: str
    picture: Drawing | None


def code_fingerprint(program: str, entry_point: str) -> str:
    """Identity of a program up to formatting, annotations, docstring and the function's name.

    Two families that ask for one program share a fingerprint, so they never meet across splits.
    """
    tree = ast.parse(program)
    for node in ast.walk(tree):
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
    return hashlib.sha256(f"{words}|{question.circuit}|{question.picture}".encode()).hexdigest()
