"""Extraction: which code of an answer counts."""

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketune.completions.extract import extract_code
from ketune.completions.indentation import aligned, dedent, indent
from ketune.completions.reasoning import strip_reasoning
from ketune.completions.stitch import stitch

FUNCTION = "def f(x):\n    return x + 1"

_NAMES = st.sampled_from(["a", "b", "qc", "total"])
_LINES = st.one_of(
    st.builds("{0} = {1} + 1".format, _NAMES, _NAMES),
    st.builds("for {0} in range(3):\n    {1} = {0}".format, _NAMES, _NAMES),
    st.builds("if {0}:\n    return {0}\nelse:\n    {1} = 2".format, _NAMES, _NAMES),
    st.builds("{0} = '''one\n  {1}\n   three'''".format, _NAMES, _NAMES),
    st.builds("with open({0}) as {1}:\n    pass".format, _NAMES, _NAMES),
    st.just("# a comment"),
)
BODIES = st.lists(_LINES, min_size=1, max_size=6).map(lambda lines: "\n".join([*lines, "return a"]))
PROSE = st.sampled_from(
    ["Here it is:", "This works, I think.", "Note that f is pure!", "- one\n- two"]
)


def tree(code: str) -> str:
    return ast.dump(ast.parse(code))


@given(BODIES, st.sampled_from(["", "  ", "    ", "\t"]))
def test_shifting_keeps_the_program(body: str, margin: str) -> None:
    shifted = aligned(indent(body, margin))
    assert shifted is not None
    assert tree(shifted) == tree(body)
    assert dedent(indent(body, margin)) == body


@given(BODIES, st.sampled_from(["", "    "]), PROSE, PROSE, st.sampled_from(["", "py", "Python"]))
def test_a_fence_and_prose_change_nothing(
    body: str, margin: str, before: str, after: str, tag: str
) -> None:
    code = indent(body, margin)
    fenced = extract_code(f"{before}\n\n```{tag}\n{code}\n```\n\n{after}", "f")
    assert tree(aligned(fenced) or "") == tree(body)
    function = "def f(a, b, qc, total):\n" + indent(body, "    ")
    assert extract_code(f"{before}\n\n{function}\n\n{after}", "f") == function


USAGE = "\n\nUse it:\n```python\nfrom my_module import f\nprint(f(1))\n```\n"
SKETCH = "\n\nIn short:\n```python\ndef f(x):\n    ...\n```\n"
AROUND = st.sampled_from(
    [
        *("```python\n{}\n```", "~~~\n{}\n~~~", "````py\n{}\n````", "```\n{}\n``` That is all."),
        *("```python\n{}```", "```python\n{}", "So: ```python\n{}\n```<|im_end|>\n", "\ufeff{}"),
        *("```markdown\nSo:\n```python\n{}\n```\n```", "[PYTHON]\n{}\n[/PYTHON]", "{}"),
        *("```bash\npip install x\n```\n{}\n```text\n0 1\n```", "<answer>\n{}\n</answer>"),
    ]
)
REASONING = st.sampled_from(
    [
        *("", "<think>\nx = 1\n</think>\n", "Let me see.\n</think>\n", "[THINK]Hm[/THINK]"),
        *("◁think▷Hm◁/think▷", "<seed:think>\nHm\n</seed:think>", "Hm.\n[/THINK]\n"),
        "<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>final<|message|>",
        "<|START_THINKING|>```python\ndef f(): pass\n```<|END_THINKING|><|START_RESPONSE|>",
    ]
)


@given(BODIES, AROUND, REASONING, st.sampled_from(["", USAGE, SKETCH]), st.booleans())
def test_any_function_is_the_same_in_any_wrapping(
    body: str, around: str, reasoning: str, after: str, windows: bool
) -> None:
    function = "def f(a, b, qc, total):\n" + indent(body, "    ")
    unclosed = around.count("```") % 2 == 1
    text = reasoning + around.replace("{}", function) + ("" if unclosed else after)
    code = extract_code(text.replace("\n", "\r\n") if windows else text, "f")
    assert tree(code) == tree(function)


@given(st.text(max_size=400), st.sampled_from(["f", ""]))
def test_any_text_is_survived(text: str, entry_point: str) -> None:
    code = extract_code(text, entry_point)
    assert code == extract_code(text, entry_point)
    assert code == "" or code.strip()


@given(
    st.lists(st.sampled_from(["```", "```python", "~~~", FUNCTION, "text", "  x = (", "<think>"]))
)
def test_broken_markup_is_survived(parts: list[str]) -> None:
    extract_code("\n".join(parts), "f")


def test_the_block_with_the_entry_point_counts() -> None:
    text = f"```python\nprint('hello')\n```\n```python\n{FUNCTION}\n```\n```\nf(undefined)\n```"
    assert extract_code(text, "f") == FUNCTION


def test_what_the_chosen_block_lacks_comes_from_its_neighbours() -> None:
    chosen = "def f(x):\n    return helper(x)"
    text = (
        "```python\nimport math, os\nprint('side effect')\n```\n"
        "```python\ndef helper(x):\n    return math.floor(x)\n```\n"
        f"```python\n{chosen}\n```"
    )
    code = extract_code(text, "f")
    assert code.endswith(chosen)
    assert "import math" in code
    assert "def helper" in code
    assert "side effect" not in code


def test_blocks_without_the_entry_point_are_joined_in_order() -> None:
    assert extract_code("```\na = 1\n```\nand\n```\nb = a\n```", "f") == "a = 1\nb = a"
    assert extract_code("```\na = 1\n```\nprints\n```\n1 2 3 ->\n```", "f") == "a = 1"


def test_async_decorated_and_assigned_entry_points_are_found() -> None:
    for code in ("async def f():\n    pass", "@cache\ndef f():\n    pass", "f = lambda: 1"):
        text = f"```\nx = 1\n```\n```\n{code}\n```\n```\ny = 2\n```"
        assert extract_code(text, "f") == code


def test_a_fence_within_a_docstring_does_not_end_the_block() -> None:
    code = 'def f(x):\n    """Use:\n\n    ```\n    f(1)\n    ```\n    """\n    return x + 1'
    assert extract_code(f"```python\n{code}\n```\nDone.", "f") == code


def test_reasoning_is_no_code() -> None:
    assert extract_code(f"<think>\n```\n{FUNCTION}\n```\n", "f") == ""
    assert extract_code(f"so: x = 1\n</think>\n{FUNCTION}", "f") == FUNCTION
    assert strip_reasoning("<think>why</think>The answer.") == "The answer."


def test_words_that_parse_are_no_part_of_the_code() -> None:
    for text in (f"Sure\n\n{FUNCTION}\n\nDone", f"- one\n- two\n{FUNCTION}\n- three"):
        assert extract_code(text, "f") == FUNCTION


def test_no_code() -> None:
    refusals = [
        "",
        "I cannot help with that.",
        "Sorry",
        "```python\n```",
        "```\n# todo\n```",
        "Yes, no",
    ]
    assert [extract_code(text, "f") for text in refusals] == [""] * len(refusals)


def test_broken_code_is_kept_for_the_judge_to_refuse() -> None:
    broken = "def f(x:\n    return x + 1"
    assert extract_code(f"```python\n{broken}\n```", "f") == broken
    assert extract_code(f"Here:\n{broken}", "f") == broken


BROKEN = {
    "a head without its colon": "def f(x)\n    y = x + 1\n    return y",
    "words as the first line": "def f(x):\n    Then we add one\n    y = x + 1\n    return y",
    "a line that markdown escaped": "def f(x):\n    y = x\n    y = add\\_one(y)\n    return y",
    "typographic quotes": "def f(x):\n    y = int(\u201c1\u201d)\n    return x",
    "a body with such a line": "    y = x\n    y.add\\_one()\n    return y",
    "a body at column 0": "y = x\ny = add_one(y\nreturn y",
}


@pytest.mark.parametrize("code", BROKEN.values(), ids=BROKEN)
def test_nothing_is_mended_by_leaving_a_broken_line_out(code: str) -> None:
    stub = "def f(x):\n    pass\n"
    for answer in (f"```python\n{code}\n```", f"Here it is:\n\n```py\n{code}\n```\nDone."):
        program = stitch(stub, extract_code(answer, "f"), "f", "function_completion")
        with pytest.raises(SyntaxError):
            ast.parse(program)


def test_what_is_no_part_of_the_code_is_left_out() -> None:
    for answer in (
        "```python\nHere is the body:\n    y = x + 1\n    return y\n```",
        "```python\nHere is the body:\ny = x + 1\nreturn y\n```",
        "```python\ndef f(x):\n    return x + 1\n\nprint(f(\n```",
        "```python\n    return x + 1\n\nprint(f(\n```",
    ):
        program = stitch(
            "def f(x):\n    pass\n", extract_code(answer, "f"), "f", "function_completion"
        )
        names: dict[str, Any] = {}
        exec(program, names)
        assert names["f"](1) == 2


@pytest.mark.parametrize("form", ["{}", "```python\n{}\n```"])
@pytest.mark.parametrize("margin", ["", "    "])
def test_helpers_below_a_body_are_found_by_it(form: str, margin: str) -> None:
    body = f"{margin}return _add(x)\n\n\nONE = 1\n\n\ndef _add(x):\n    return x + ONE"
    code = extract_code(form.format(body), "f")
    names: dict[str, Any] = {}
    exec(stitch("def f(x):\n    pass\n", code, "f", "function_completion"), names)
    assert names["f"](1) == 2


LAST = "First idea:\n```python\ndef f(x):\n    return x\n```\nFinal version:\n```python\n{}\n```"


@pytest.mark.parametrize(
    "line",
    [
        *("# Rest of the qubits: a chain", "# Same as before: measure", "# ...then measure"),
        *("# Existing implementation used 2, fixed", "# your code below", "# your code here"),
        *("if x < 1: ...", "try: x += 0\n    except TypeError: ...", "def g(): ..."),
    ],
)
def test_a_function_that_does_all_is_no_sketch(line: str) -> None:
    final = f"def f(x):\n    {line}\n    return x + 1"
    assert extract_code(LAST.format(final), "f") == final


@pytest.mark.parametrize(
    "line",
    [
        *("...", "pass", "# ... rest of the code ...", "# (same as above)", "# Your code here"),
        *("# the rest of the implementation remains the same", "for i in range(x): ..."),
    ],
)
def test_a_sketch_below_the_function_is_not_the_answer(line: str) -> None:
    whole = "def f(x):\n    y = x + 1\n    y = y * 2\n    return y"
    sketch = f"def f(x):\n    {line}\n" + "    return y\n" * (line != "pass")
    text = f"```python\n{whole}\n```\nIn short:\n```python\n{sketch}\n```"
    assert extract_code(text, "f") == whole
