"""Whatever a completion holds, reading it ends, and costs no other completion."""

import subprocess
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ketune.completions.extract import extract_code
from ketune.completions.literals import inside_strings
from ketune.completions.reasoning import strip_reasoning
from ketune.completions.stitch import stitch
from ketune.tasks.benchmarks import Task
from ketune.verdicts.reading import read_answers

STUB = "def f(x):\n    pass\n"
TASK = Task("b/0", "b", "function_completion", "", STUB, (), "", "f", "", False)
QUESTION = Task("b/1", "b", "qa", "", "Why?", (), "", "", "Because.", False)
RIGHT = "```python\ndef f(x):\n    return x + 1\n```"
# What is repeated to a text of many characters; benchmarks/extraction.py has more.
UNITS = (
    *("\\", "\\\n", "`", "```\n", "```\n```\n", "``` ", "```python\nx = 1\n```\n", "<think>"),
    *("</think>", "<think></think>", "<|channel|>analysis<|message|>", "<|im_end|>\n", "<pre>"),
    *("    ", "\n", "\r\n", "'", '"', "'''\n", "'\\", "(", "[\n", "a.", "a+", "x = 1\n", "if x:\n"),
    *("a = b\nWords go here.\n", "> ```\n", "\x00", "\ud800", "\u2028", "é", "{'a':", "lambda:"),
)


@pytest.mark.parametrize("unit", UNITS)
def test_time_grows_with_the_text_and_no_more(unit: str) -> None:
    text = unit * (100_000 // len(unit))
    start = time.process_time()
    stitch(STUB, extract_code(f"{RIGHT}\n{text}", "f"), "f", "function_completion")
    code = extract_code(text, "f")
    stitch(STUB, code, "f", "function_completion")
    strip_reasoning(text)
    assert time.process_time() - start < 5


HELPERS = {
    "each needs the next": "\n".join(f"def a{i}(x): return a{i + 1}(x)" for i in range(2500)),
    "one line": ";".join(f"a{i} = a{i + 1}" for i in range(5000)),
    "one name": "\n".join(f"a0.append(a{i})" for i in range(4000)),
    "sketches": "\n".join(f"def a0(x):\n    a{i}()\n    ..." for i in range(2500)),
    "versions": "\n".join(f"def f(x): return {i}" for i in range(3500)),
}


@pytest.mark.parametrize("name", HELPERS)
def test_time_grows_with_the_helpers_and_no_more(name: str) -> None:
    start = time.process_time()
    chosen = "def f(x):\n    return a0(x)"
    code = extract_code(f"```python\n{HELPERS[name]}\n```\n```python\n{chosen}\n```", "f")
    assert code.endswith(chosen)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "helper",
    [
        "def helper(x):\n    return x" + ".real" * 400,
        "def helper(x):\n    return " + " + ".join(["x"] * 330),
        "def helper(x):\n    return " + "(" * 150 + "x" + ")" * 150,
        "def helper(x):\n    return " + "-" * 900 + "x",
    ],
)
def test_a_helper_of_any_depth_is_kept(helper: str) -> None:
    answer = f"```python\n{helper}\n```\n```python\ndef f(x):\n    return helper(x)\n```"
    code = extract_code(answer, "f")
    assert helper in code
    assert code.endswith("return helper(x)")


HOSTILE = (
    *("(" * 100_000, "x" + "()" * 50_000, "```python\n" + "[" * 90_000 + "\n```", "\ud800\x00"),
    *("def f(x):\n    return " + "not " * 20_000 + "x", "def f(x):\n    return x" + ".a" * 20_000),
)


def test_one_completion_costs_no_other() -> None:
    answers = [(TASK, text) for hostile in HOSTILE for text in (hostile, RIGHT)]
    texts = [found.text for found in read_answers(answers, "ketune")]
    assert len(texts) == len(answers)
    assert {text.strip() for text in texts[1::2]} == {"def f(x):\n    return x + 1"}


@pytest.fixture
def short_lived(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that a text with the word `die` ends, or keeps with the word `loop`."""
    real = subprocess.Popen
    code = (
        "import os, time, ketune.completions.worker as w\n"
        "w.SECONDS = 0.3\n"
        "real = w.strip_reasoning\n"
        "def strip(text):\n"
        "    while 'loop' in text: pass\n"
        "    if 'die' in text: os.kill(os.getpid(), 11)\n"
        "    return real(text)\n"
        "w.strip_reasoning = strip\n"
        "w.serve()\n"
    )

    def popen(command: list[str], **options: Any) -> Any:
        assert command[-1] == "ketune.completions.worker"
        return real([*command[:-2], "-c", code], **options)

    monkeypatch.setattr(subprocess, "Popen", popen)


@pytest.mark.usefixtures("short_lived")
def test_a_worker_that_ends_or_never_ends_is_replaced() -> None:
    texts = ["one", "die", "two", "loop", "three", "die"]
    found = read_answers([(QUESTION, text) for text in texts], "ketune")
    assert [reading.text for reading in found] == ["one", "", "two", "", "three", ""]
    assert "ended the reading process (status -11)" in found[1].problem
    assert found[3].problem == "the completion cannot be read: it takes too long"
    assert [bool(reading.problem) for reading in found] == [False, True, False, True, False, True]


def test_a_completion_that_is_too_long_says_so() -> None:
    code, answer = read_answers([(TASK, "x" * 2_000_001), (QUESTION, "word " * 30_000)], "ketune")
    assert (code.text, answer.text) == ("", "")
    assert "has 2000001 characters, more than 2000000" in code.problem
    assert "more than 100000 characters" in answer.problem


PIECES = st.sampled_from(
    (
        *(
            "'",
            '"',
            "'''",
            '"""',
            "\\",
            "\n",
            "#",
            "a",
            " ",
            "    ",
            "`",
            "```",
            "```python",
            "~~~",
        ),
        *("<think>", "</think>", "def f(x):", "return", "(", ")", ":", "<pre>", "</pre>", ">"),
        *(
            "\x00",
            "\ud800",
            "\r",
            "[THINK]",
            "<|channel|>",
            "final",
            "<|message|>",
            "{",
            "}",
            "...",
        ),
    )
)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_mix_of_marks_is_survived(text: str) -> None:
    code = extract_code(text, "f")
    assert code == "" or code.strip()
    stitch(STUB, code, "f", "function_completion")
    strip_reasoning(text)
    assert max(inside_strings(text), default=0) <= text.count("\n")
