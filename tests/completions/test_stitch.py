"""Stitching: where an answer goes, under each set of rules."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketune.completions.stitch import stitch

STUB = 'from math import floor\n\ndef f(x):\n    """Round down."""\n    pass\n'
FUNCTION = "def f(x):\n    return floor(x)\n"


def run(source: str, *arguments: Any) -> Any:
    names: dict[str, Any] = {}
    exec(source, names)
    return names["f"](*arguments)


def complete(code: str, stub: str = STUB) -> str:
    return stitch(stub, code, "f", "function_completion", "ketune")


def test_a_function_keeps_the_stubs_imports() -> None:
    assert run(complete(FUNCTION), 2.5) == 2


def test_original_rules_drop_the_stubs_imports() -> None:
    source = stitch(STUB, FUNCTION, "f", "function_completion", "seed")
    assert "import" not in source
    with pytest.raises(NameError):
        run(source, 2.5)
    repeated = "from math import floor\n" + FUNCTION
    assert run(stitch(STUB, repeated, "f", "function_completion", "seed"), 2.5) == 2
    assert run(stitch(STUB, "    return floor(x)", "f", "function_completion", "seed"), 2.5) == 2


@pytest.mark.parametrize("ending", ["pass", "...", "raise NotImplementedError", ""])
def test_a_placeholder_gives_way_to_the_body(ending: str) -> None:
    stub = f'from math import floor\ndef f(x):\n    """Round down."""\n    {ending}\n'
    assert run(complete("if x:\n    return floor(x)\nreturn 7", stub), 0) == 7


@pytest.mark.parametrize(
    "stub", ["def f(x):", "def f(x): pass", "def f(x):\n  '''Two spaces.'''\n", "def f(x):\n\tpass"]
)
@pytest.mark.parametrize("body", ["return x + 1", "    return x + 1", "y = x\n    return y + 1"])
def test_stubs_and_bodies_of_any_layout_fit(stub: str, body: str) -> None:
    assert run(complete(body, stub), 1) == 2


def test_imports_above_an_indented_body() -> None:
    assert run(complete("import math\nimport os\n\n    y = math.ceil(x)\n    return y"), 1.5) == 2


def test_what_follows_the_function_in_the_stub_stays() -> None:
    stub = "def f(x):\n    pass\n\ndef helper(x):\n    return x * 2\n"
    assert run(complete("return helper(x)", stub), 4) == 8


def test_future_imports_come_first() -> None:
    assert run(complete("from __future__ import annotations\n" + FUNCTION), 2.5) == 2


def test_a_function_of_another_name_is_not_taken_for_a_body() -> None:
    names: dict[str, Any] = {}
    exec(complete("def g(x):\n    return 1\n"), names)
    assert "g" in names
    assert "f" not in names


def test_generated_code_stands_alone() -> None:
    source = stitch("Write f.", "    def f(x):\n        return x", "f", "code_generation", "ketune")
    assert run(source, 3) == 3


@pytest.mark.parametrize("rules", ["ketune", "seed"])
def test_no_code_stays_no_code(rules: Any) -> None:
    assert stitch(STUB, " \n", "f", "function_completion", rules) == ""
    assert stitch("Write f.", "", "f", "code_generation", rules) == ""


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_survived(stub: str, code: str) -> None:
    for rules in ("ketune", "seed"):
        assert stitch(stub, code, "f", "function_completion", rules) is not None
