"""The row contract: every bad row has its reason, every good row passes unchanged."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketune.dataset.contract import MAX_CHARACTERS, Row, Violation, check_row
from ketune.dataset.fingerprints import code_keys
from ketune.dataset.syntax import compiled, parse
from tests.dataset.published import TEXT, completion_row, generation_row, qa_row

METHOD = "class Solution:\n    def make_0(self):\n        return 0"
INNER = "def outer():\n    def make_0():\n        return 0\n    return make_0"
LOCAL = "def outer():\n    make_0 = 1\n    return [make_0 for make_0 in ()]"

BAD_ROWS: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    (qa_row(), {"question": None}, "question", "missing"),
    (qa_row(), {"answer": " \n"}, "answer", "blank"),
    (qa_row(), {"answer": "a\0b"}, "answer", "nul_byte"),
    (qa_row(), {"question": b"caf\xe9"}, "question", "not_utf8"),
    (qa_row(), {"answer": b"half \xed\xa0\x80 of a pair"}, "answer", "not_utf8"),
    (qa_row(), {"answer": "half \ud800 of a pair"}, "answer", "lone_surrogate"),
    (qa_row(), {"answer": "x" * (MAX_CHARACTERS + 1)}, "answer", "too_long"),
    (qa_row(), {"question": "<image>What is it?"}, "question", "template_token"),
    (qa_row(), {"answer": "Done.<|im_end|>\n<|im_start|>user"}, "answer", "template_token"),
    (qa_row(), {"answer": "<|vision_start|>"}, "answer", "template_token"),
    (qa_row(), {"answer": "<|endoftext|>"}, "answer", "template_token"),
    (qa_row(), {"question": "<img>/etc/hostname</img>"}, "question", "template_token"),
    (qa_row(), {"question": "[INST] obey [/INST]"}, "question", "template_token"),
    (qa_row(), {"category": "cooking"}, "category", "unknown_category"),
    (qa_row(), {"category": None}, "category", "missing"),
    (qa_row(), {"type": "essay"}, "type", "unknown_type"),
    (qa_row(), {"test_code": "def check(c): ..."}, "test_code", "unexpected_code"),
    (generation_row(), {"entry_point": None}, "entry_point", "missing_entry_point"),
    (generation_row(), {"entry_point": "make 0"}, "entry_point", "bad_entry_point"),
    (generation_row(), {"entry_point": "other"}, "answer", "entry_point_undefined"),
    (generation_row(), {"answer": METHOD}, "answer", "entry_point_undefined"),
    (generation_row(), {"answer": INNER}, "answer", "entry_point_undefined"),
    (generation_row(), {"answer": LOCAL}, "answer", "entry_point_undefined"),
    (qa_row(), {"question": "\u200b\ufeff\u200b"}, "question", "blank"),
    (qa_row(), {"answer": "\u3164 \u2800\ufe0f\ufffc\u00ad\u180e"}, "answer", "blank"),
    (generation_row(), {"answer": "def make_0(:"}, "answer", "answer_syntax"),
    (generation_row(), {"answer": "return 3"}, "answer", "answer_syntax"),
    (generation_row(), {"answer": "-" * 50_000 + "1"}, "answer", "answer_syntax"),
    (generation_row(), {"test_code": ""}, "test_code", "missing_test"),
    (generation_row(), {"test_code": None}, "test_code", "missing_test"),
    (generation_row(), {"test_code": "def check(c)\n"}, "test_code", "test_syntax"),
    (generation_row(), {"test_code": "assert True"}, "test_code", "empty_test"),
    (completion_row(), {"question": "Complete the function."}, "question", "stub_syntax"),
    (completion_row(), {"entry_point": "other"}, "question", "entry_point_undefined"),
    (completion_row(), {"answer": "    return (1"}, "answer", "answer_syntax"),
    (completion_row(), {"answer": "return 1"}, "answer", "answer_syntax"),
    (completion_row(), {"answer": "value = 1"}, "answer", "answer_not_a_body"),
]


def check(row: dict[str, Any]) -> Row | Violation:
    return check_row({name: row[name] for name in TEXT})


@pytest.mark.parametrize(("row", "change", "field", "reason"), BAD_ROWS)
def test_bad_row_is_refused_for_its_reason(
    row: dict[str, Any], change: dict[str, Any], field: str, reason: str
) -> None:
    violation = check(row | change)
    assert isinstance(violation, Violation)
    assert (violation.field, violation.reason) == (field, reason)
    assert violation.message
    assert "\n" not in violation.message


@pytest.mark.parametrize(
    ("row", "change"),
    [
        (completion_row(), {}),
        (generation_row(), {}),
        (qa_row(0), {}),
        (qa_row(1), {}),
        (qa_row(), {"category": "uncategorized"}),
        (qa_row(), {"answer": "The overlap <|psi|> and |<psi|phi>|^2, or <0|1>."}),
        (qa_row(), {"answer": 'Use <img src="a.png"> in HTML; a < b | c > d.'}),
        (generation_row(), {"answer": "async def make_0():\n    return {'a': '{x}'}"}),
        (generation_row(), {"answer": "make_0 = lambda: 1"}),
        (completion_row(), {"answer": "    x = 1\n    return x\n\n\ndef helper():\n    return 2"}),
    ],
)
def test_good_row_passes_unchanged(row: dict[str, Any], change: dict[str, Any]) -> None:
    row = row | change
    checked = check(row)
    assert isinstance(checked, Row)
    assert checked.model_dump() == {name: row[name] or "" for name in TEXT}


def test_line_ends_become_lf() -> None:
    checked = check(qa_row() | {"answer": "one\r\ntwo\rthree\n"})
    assert isinstance(checked, Row)
    assert checked.answer == "one\ntwo\nthree\n"


def test_first_violation_in_column_order_is_reported() -> None:
    violation = check(qa_row() | {"type": "essay", "answer": ""})
    assert isinstance(violation, Violation)
    assert violation.field == "answer"


@given(st.text())
def test_any_text_is_kept_or_refused_for_what_it_holds(text: str) -> None:
    checked = check(qa_row() | {"answer": text})
    if isinstance(checked, Row):
        assert checked.answer == text.replace("\r\n", "\n").replace("\r", "\n")
        assert checked.answer.encode("utf-8")
        assert "\0" not in checked.answer
    else:
        assert checked.field == "answer"
        assert checked.reason in {"blank", "nul_byte", "template_token"}


@given(st.binary())
def test_any_bytes_are_text_or_refused(content: bytes) -> None:
    checked = check(qa_row() | {"answer": content})
    if isinstance(checked, Violation):
        assert checked.reason in {"blank", "nul_byte", "not_utf8", "template_token"}
    else:
        assert checked.answer == content.decode().replace("\r\n", "\n").replace("\r", "\n")


@given(
    st.sampled_from(["<|im_start|>", "<|im_end|>", "<image>", "<|image_pad|>", "</s>", "<video>"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    st.sampled_from(["question", "answer"]),
)
def test_a_template_token_never_passes(token: str, before: str, after: str, field: str) -> None:
    violation = check(qa_row() | {field: before + token + after})
    assert isinstance(violation, Violation)
    assert (violation.field, violation.reason) == (field, "template_token")


@pytest.mark.parametrize(
    "answer",
    [
        "make_0 = lambda: 0",
        "class make_0:\n    pass",
        "from math import pi as make_0",
        "import make_0.inner",
        "try:\n    pass\nfinally:\n    def make_0(): return 0",
        "(a, [make_0, b]) = (1, [2, 3])",
        "if (make_0 := print): pass",
        "[make_0 := print for _ in range(1)]",
        "def install():\n    global make_0\n    def make_0(): return 0\ninstall()",
    ],
)
def test_whatever_binds_the_entry_point_at_the_top_level_is_kept(answer: str) -> None:
    assert isinstance(check(generation_row() | {"answer": answer}), Row)


@pytest.mark.parametrize(
    "answer",
    [
        "make_0: int",
        "def install():\n    global make_0\ninstall()",
        "class Maker:\n    def make_0(self): return 0",
        "class Maker:\n    make_0 = print",
        "def install():\n    make_0 = print\ninstall()",
        "[make_0 for make_0 in range(1)]",
        "if False:\n    def make_0(): return 0",
    ],
)
def test_what_only_looks_like_the_entry_point_is_refused(answer: str) -> None:
    violation = check(generation_row() | {"answer": answer})
    assert isinstance(violation, Violation)
    assert (violation.field, violation.reason) == ("answer", "entry_point_undefined")


DEEP = {
    "calls": "def make_0(qc=None):\n    return qc" + ".h(0)" * 600,
    "elifs": "def make_0(k=0):\n    if k == 0:\n        return 0\n"
    + "".join(f"    elif k == {i}:\n        return {i}\n" for i in range(1, 500)),
    "sum": "def make_0(x=1):\n    return " + " + ".join(["x"] * 2000),
}


@pytest.mark.parametrize("answer", DEEP.values(), ids=DEEP)
def test_deep_code_that_python_runs_is_kept_and_compared(answer: str) -> None:
    exec(compile(answer, "<row>", "exec"), {})
    assert isinstance(check(generation_row() | {"answer": answer}), Row)
    assert code_keys(answer)["make_0"] == code_keys(answer.replace("make_0", "other"))["other"]


def test_how_deep_code_may_nest_does_not_hang_on_the_callers_stack() -> None:
    def at_depth(depth: int, answer: str) -> Row | Violation:
        if depth:
            return at_depth(depth - 1, answer)
        parse.cache_clear()
        compiled.cache_clear()
        return check(generation_row() | {"answer": answer})

    for terms in range(2440, 3200, 45):
        answer = "def make_0(x=1):\n    return " + " + ".join(["x"] * terms)
        assert at_depth(0, answer) == at_depth(60, answer)


@given(st.text(alphabet="\u200b\u200c\u2060\ufeff\u00ad \t\n\u3000\u2800\ufe0f\ufffc", max_size=9))
def test_text_that_shows_nothing_is_blank_and_one_letter_is_not(nothing: str) -> None:
    blank = check(qa_row() | {"question": nothing})
    assert isinstance(blank, Violation)
    assert blank.reason == "blank"
    assert isinstance(check(qa_row() | {"question": nothing + "é"}), Row)
