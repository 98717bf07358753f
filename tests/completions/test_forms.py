"""Every chat form of a right answer becomes the same program."""

import ast
import json
from pathlib import Path

import pytest

from ketune.completions.extract import extract_code
from ketune.completions.stitch import stitch
from ketune.judge import Program, judge

from .forms import forms

HUMAN_EVAL = Path("data/benchmarks/dataset_qiskit_test_human_eval.json")

# name: (stub, body)
STUBS = {
    "docstring": (
        """
from math import gcd
def f(a: int, b: int) -> int:
    ''' Their least common multiple.'''
""",
        """
    product = a * b
    return product // gcd(a, b)
""",
    ),
    "pass": (
        """from math import gcd

def f(a, b):
    '''Their least common multiple.'''
    pass
""",
        """    if a == 0:
        return 0
    return a * b // gcd(a, b)""",
    ),
    "no docstring": (
        """from math import gcd
def f(a, b):
    pass""",
        """
    for x in range(1, a * b + 1):
        if not (x % a or x % b):
            return x
    raise ValueError(gcd(a, b))
""",
    ),
    "signature over lines, helper, decorator": (
        """from math import (
    gcd,
)
import functools

def helper(x):
    return x

@functools.cache
def f(
    a,
    b,
):
    '''Their multiple.

    Least.
    '''
    pass""",
        """    with open("/dev/null") as file:
        file.read()
    return helper(a * b // gcd(a, b))
""",
    ),
    "text in the body": (
        """from math import gcd
def f(a, b):
    '''Their least common multiple.'''
    pass
""",
        """    text = '''one
  two
three'''
    assert text.split() == ["one", "two", "three"]
    return a * b // gcd(a, b)
""",
    ),
}
TEST = "def check(candidate):\n    assert candidate(4, 6) == 12\n    assert candidate(3, 5) == 15\n"


def test_every_form_of_a_right_answer_passes() -> None:
    programs = [
        Program(
            f"{name}: {form}",
            stitch(stub, extract_code(text, "f"), "f", "function_completion", "ketune"),
            TEST,
            "f",
        )
        for name, (stub, body) in STUBS.items()
        for form, text in forms(stub, body, "f")
    ]
    verdicts = list(judge(programs, workers=2, timeout=20, memory_mb=512))
    sources = {program.task_id: program.code for program in programs}
    failed = [(v.task_id, v.detail, sources[v.task_id]) for v in verdicts if v.outcome != "passed"]
    assert failed == []


@pytest.mark.skipif(
    not HUMAN_EVAL.exists(), reason=f"{HUMAN_EVAL} is not there: dvc pull fetches it"
)
def test_human_eval_functions_are_the_same_in_every_form() -> None:
    different = []
    for task in json.loads(HUMAN_EVAL.read_text())[::4]:
        stub, body, name = task["prompt"], task["canonical_solution"], task["entry_point"]
        reference = _signature(stub + body, name)
        for form, text in forms(stub, body, name):
            source = stitch(stub, extract_code(text, name), name, "function_completion", "ketune")
            if _signature(source, name) != reference:
                different.append((task["task_id"], form))
    assert different == []


def _signature(source: str, name: str) -> tuple[set[str], str]:
    """Imports of a program and the tree of its function, blanks in texts aside."""
    tree = ast.parse(source)
    imports = {ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)}
    function = next(n for n in tree.body if getattr(n, "name", "") == name)
    for node in ast.walk(function):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = " ".join(node.value.split())
    return imports, ast.dump(function)
