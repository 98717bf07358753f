"""Extraction: which code of an answer counts."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from ketune.completions.extract import extract_code
from ketune.completions.indentation import aligned, dedent, indent
from ketune.completions.reasoning import strip_reasoning

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
