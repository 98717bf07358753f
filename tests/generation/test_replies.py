"""What a reply is taken for, in every form in which servers are known to send one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketune.generation.prompts import Answer
from ketune.generation.replies import (
    CUT_EMPTY,
    EMPTY,
    HALF_CHARACTER,
    NO_END,
    REASONING,
    NoAnswerError,
    read_reply,
)


def choice(content: Any = "An answer.", finish: Any = "stop", **message: Any) -> dict[str, Any]:
    return {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": content, **message},
    }


def body(*choices: Any, **over: Any) -> bytes:
    usage = {"prompt_tokens": 1, "completion_tokens": 7, "total_tokens": 8}
    return json.dumps({"id": "c", "choices": choices, "usage": usage} | over).encode()


TEXT = {"type": "text", "text": "An answer."}
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
CALLS = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("An answer.", "An answer."),
        ([TEXT], "An answer."),
        ([THOUGHT, TEXT], "An answer."),
        ([{"type": "reasoning", "summary": "hm"}, TEXT, TEXT], "An answer.An answer."),
        ([{"type": "output_text", "text": "An answer."}], "An answer."),
        ([{"type": "text", "text": {"value": "An answer.", "annotations": []}}], "An answer."),
        ([{"type": "refusal", "refusal": "I cannot."}], "I cannot."),
        (["An ", "answer."], "An answer."),
        (TEXT, "An answer."),
        ("a\0b", "a\0b"),
    ],
)
def test_the_text_of_a_message(content: Any, text: str) -> None:
    reply = read_reply(body(choice(content)))
    assert (reply.answers, reply.notes) == ([Answer(text, False)], [])


@pytest.mark.parametrize("content", [None, "", " \n", [], [THOUGHT]])
@pytest.mark.parametrize(
    "field",
    [
        {"reasoning_content": "An answer."},
        {"reasoning": "An answer."},
        {"reasoning_details": [{"type": "reasoning.text", "text": "An answer."}]},
    ],
)
def test_reasoning_is_the_answer_where_there_is_no_other(content: Any, field: Any) -> None:
    reply = read_reply(body(choice(content, **field)))
    assert (reply.answers, reply.notes) == ([Answer("An answer.", False)], [REASONING])


def test_reasoning_beside_an_answer_or_cut_is_none() -> None:
    reply = read_reply(body(choice(reasoning_content="hm")))
    assert (reply.answers, reply.notes) == ([Answer("An answer.", False)], [])
    reply = read_reply(body(choice(None, "length", reasoning_content="hm")))
    assert (reply.answers, reply.notes) == ([Answer("", True)], [CUT_EMPTY])


def test_a_thought_in_parts_is_the_answer_where_there_is_no_other() -> None:
    assert read_reply(body(choice([THOUGHT]))).answers == [Answer("hm", False)]


def test_a_refusal_is_the_answer() -> None:
    reply = read_reply(body(choice(None, refusal="I cannot.")))
    assert (reply.answers, reply.notes) == ([Answer("I cannot.", False)], [])


@pytest.mark.parametrize(
    ("finish", "truncated", "notes"),
    [
        *((word, False, []) for word in ("stop", "STOP", "eos_token", "end_turn", "COMPLETE")),
        *((word, True, []) for word in ("length", "max_tokens", "MAX_TOKENS", "model_length")),
        *((word, True, [NO_END]) for word in (None, "", "unknown", 7, {"type": "stop"}, ["stop"])),
    ],
)
def test_how_an_answer_ended(finish: Any, truncated: bool, notes: list[str]) -> None:
    reply = read_reply(body(choice(finish=finish)))
    assert (reply.answers, reply.notes) == ([Answer("An answer.", truncated)], notes)


def test_a_missing_finish_reason_counts_as_truncated() -> None:
    without = {"index": 0, "message": {"content": "An answer."}}
    assert read_reply(body(without)).answers == [Answer("An answer.", True)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not JSON"),
        (b"<!doctype html>\n<title>Sign in</title>", "not JSON .*<title>Sign in</title>"),
        (b'data: {"id": "c"}\n\ndata: [DONE]\n', "not JSON .*data: "),
        ('{"choices": "café"}'.encode("latin1"), "not JSON .*caf"),
        (body(choice())[:-9], "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"null", "no object: null"),
        (b"[]", "no object"),
        (b'"overloaded"', "no object: overloaded"),
        (b"{}", "no choice"),
        (body(), "no choice"),
        (body(choices=None), "no choice"),
        (b'{"detail": "Not authenticated"}', "no choice: .*Not authenticated"),
        (b'{"error": {"message": "Rate limit exceeded", "code": 429}}', "Rate limit exceeded"),
        (b'{"error": "overloaded", "choices": []}', "holds an error: overloaded"),
        (b'{"error": true, "message": "no quota"}', "holds an error"),
        (body(choice(), error={"message": "upstream died"}), "holds an error: upstream died"),
        (body(choice("") | {"error": {"message": "Provider died"}}), "Provider died"),
        (body(choice(error={"code": 502, "message": "Provider died"})), "Provider died"),
        (body(None), "holds no message: null"),
        (body("An answer."), "holds no message"),
        (body({"index": 0, "finish_reason": "stop", "message": None}), "holds no message"),
        (body({"index": 0, "finish_reason": "stop", "text": "An answer."}), "holds no message"),
        (body(choice(None)), "holds no text"),
        (body({"finish_reason": "stop", "message": {"role": "assistant"}}), "holds no text"),
        (body(choice([])), "holds no text"),
        (body(choice("", None)), "holds no text"),
        (body(choice(7)), "is no text: 7"),
        (body(choice(True)), "is no text"),
        (body(choice([{"type": "image_url", "image_url": {}}])), r"no text \(image_url\)"),
        (body(choice(finish="abort")), "broke the completion off"),
        (body(choice(finish="ERROR")), "broke the completion off"),
        (body(choice(""), usage={"completion_tokens": 500}), "no text of 500 tokens"),
    ],
)
def test_a_reply_that_is_no_answer_may_be_one_the_next_time(content: bytes, told: str) -> None:
    with pytest.raises(NoAnswerError, match=told) as failure:
        read_reply(content)
    assert failure.value.passing
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (body(choice(None, "tool_calls", tool_calls=CALLS)), "without a tool-call parser"),
        (body(choice("Let me see.", "stop", tool_calls=CALLS)), "without a tool-call parser"),
        (body(choice(None, "stop", function_call={"name": "f"})), "without a tool-call parser"),
        (body(choice("", "content_filter")), "filter withheld"),
        (body(choice("An", "SAFETY"), choice()), "filter withheld"),
    ],
)
def test_what_would_come_again_is_not_asked_again(content: bytes, told: str) -> None:
    with pytest.raises(NoAnswerError, match=told) as failure:
        read_reply(content)
    assert not failure.value.passing


def test_empty_fields_that_some_servers_always_send_are_no_trouble() -> None:
    nothing = {"message": "", "type": "", "param": None, "code": None}
    reply = read_reply(
        body(choice(tool_calls=[], function_call=None, refusal=None, reasoning=None), error=nothing)
    )
    assert reply.answers == [Answer("An answer.", False)]


def test_an_answer_that_is_empty_is_kept_and_told() -> None:
    reply = read_reply(body(choice("")))
    assert (reply.answers, reply.notes) == ([Answer("", False)], [EMPTY])


@pytest.mark.parametrize(
    ("indices", "order"),
    [
        ([0, 1], "ab"),
        ([1, 0], "ba"),
        ([None, None], "ab"),
        ([1, 1], "ab"),
        ([1, None], "ab"),
        (["1", "0"], "ab"),
        ([True, False], "ab"),
    ],
)
def test_samples_are_in_the_order_of_their_indices_if_each_has_one(
    indices: list[Any], order: str
) -> None:
    choices = [choice(text) | {"index": i} for text, i in zip("ab", indices, strict=True)]
    assert "".join(answer.text for answer in read_reply(body(*choices)).answers) == order


def test_of_samples_the_good_ones_are_kept() -> None:
    reply = read_reply(body(choice("a"), None, choice("c", "abort"), choice("d")))
    assert [answer.text for answer in reply.answers] == ["a", "d"]
    assert reply.choices == 4


NO_COUNTS: list[Any] = [None, "7", -1, 1.5, True, [], 10**400, float("nan")]
NO_USAGE: list[Any] = [None, {}, [], "7", 7]


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"completion_tokens": 7}, 7),
        *(({"completion_tokens": value}, 0) for value in NO_COUNTS),
        *((value, 0) for value in NO_USAGE),
    ],
)
def test_tokens_are_unknown_where_they_are_no_count(usage: Any, tokens: int) -> None:
    assert read_reply(body(choice(), usage=usage)).tokens == tokens


@pytest.mark.parametrize(
    ("sent", "text"), [("\ud83d end", "\ufffd end"), ("\udc00", "\ufffd"), ("\ud83d\ude00", "😀")]
)
def test_half_a_character_is_replaced_and_told(sent: str, text: str) -> None:
    content = json.dumps({"choices": [choice(sent)]}).encode()
    reply = read_reply(content)
    assert reply.answers == [Answer(text, False)]
    assert reply.notes == [HALF_CHARACTER] * (text != "😀")


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("content", "refusal", "reasoning", "tool_calls", "error", "role"), JSON
    ),
)
CHOICE = st.fixed_dictionaries(
    {}, optional={"index": JSON, "finish_reason": JSON, "message": MESSAGE | JSON, "error": JSON}
)
BODY = st.fixed_dictionaries(
    {}, optional={"choices": st.lists(CHOICE | JSON) | JSON, "usage": JSON, "error": JSON}
)


@given(st.binary() | (BODY | JSON).map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_answers_that_can_be_stored_or_no_answer(content: bytes) -> None:
    try:
        reply = read_reply(content)
    except NoAnswerError as error:
        reason = str(error)
    else:
        reason = ""
        assert reply.answers
        for answer in reply.answers:
            answer.text.encode()
            assert answer.text.strip() or EMPTY in reply.notes or CUT_EMPTY in reply.notes
    assert "\n" not in reason
    reason.encode()
