"""What the families produce, and the raw row that becomes of it."""

import ast
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from stages.synthetic.circuits import Circuit

CATEGORIES = (
    "circuits_and_gates",
    "quantum_info_and_operators",
    "algorithms_and_applications",
    "hardware_and_providers",
    "transpilation_and_compilation",
    "primitives_and_execution",
    "noise_and_error_mitigation",
)
TYPES = ("function_completion", "code_generation", "qa")
RAW_COLUMNS = (
    "question",
    "answer",
    "category",
    "type",
    "test_code",
    "entry_point",
    "source",
    "image",
)


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
class Task:
    """A code task before its form (function_completion or code_generation) is chosen.

    `ask`: imperative sentences. `body`: lines of the function, unindented. `imports`: module to
    names (an empty string of names imports the module). `check`: lines of `check(candidate)`,
    an expectation reached by another way than `body`. `names`: candidate function names.
    """

    ask: str
    body: tuple[str, ...]
    check: tuple[str, ...]
    names: tuple[str, ...]
    returns: str = "QuantumCircuit"
    arguments: str = ""
    imports: Mapping[str, str] = field(default_factory=dict)
    check_imports: Mapping[str, str] = field(default_factory=dict)
    circuit: Circuit | None = None
    picture: Picture | None = None
    needs_image: bool = False


@dataclass(frozen=True)
class Question:
    """A question answered in a sentence or two."""

    ask: str
    answer: str
    circuit: Circuit | None = None
    picture: Picture | None = None
    needs_image: bool = False


@dataclass(frozen=True)
class Family:
    """A kind of task. `weight` and `illustrated` are its shares among text and picture samples."""

    name: str
    category: str
    weight: float
    illustrated: float
    build: Callable[[Random, bool], Task | Question]


@dataclass(frozen=True)
class Sample:
    """One row of the raw schema, and what the generator knows about it.

    `image` is PNG bytes, None without a picture or before it is drawn. `program` is the complete
    module that answers a code sample, "" for qa. `qasm` is OpenQASM 2 of the circuit in the
    picture, else of the circuit the task builds. `needs_image`: the text alone leaves it open.
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
    picture: Picture | None


def code_fingerprint(program: str, entry_point: str) -> str:
    """Identity of a program up to formatting, annotations, docstring and the function's name.

    Two families that ask for one program share a fingerprint, so they never meet across splits.
    """
    tree = ast.parse(program)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            node.name = "f"
            node.returns = None
            for argument in node.args.args:
                argument.annotation = None
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def question_fingerprint(question: Question) -> str:
    """Identity of a question: its words in lower case, and the circuit or picture it is about."""
    words = " ".join(re.findall(r"\w+", question.ask.lower()))
    return hashlib.sha256(f"{words}|{question.circuit}|{question.picture}".encode()).hexdigest()
