"""What a reply of OpenAI's chat completions holds: answers, or why there is none.

Servers differ in where they put the text and in how they say that it ended, and a router may send
an error with status 200. What is decided here is in docs/evaluation.md.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ketune.generation.prompts import Answer

REASONING = "came as reasoning alone, which was taken for the answer"
NO_END = "came without a known finish_reason, which counts as truncated"
HALF_CHARACTER = "held half a character, which became U+FFFD"
EMPTY = "were empty: the model ended at once"
CUT_EMPTY = "were empty: max_new_tokens ended them before an answer began"

# finish_reason, in lower case. Any other may be a word for either of the first two.
_ENDED = {"stop", "eos", "eos_token", "end_turn", "stop_sequence", "complete"}
_CUT = {"length", "max_tokens", "max_output_tokens", "max_length", "model_length"}
_WITHHELD = {"content_filter", "safety", "sensitive", "recitation", "prohibited_content"}
_BROKEN_OFF = {"abort", "aborted", "cancelled", "error", "insufficient_system_resource"}
_BROKEN_OFF |= {"malformed_function_call", "network_error"}
_TOOL_CALLED = {"tool_calls", "function_call", "tool_use"}

_SURROGATE = re.compile("[\ud800-\udfff]")
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details", "content")
_PARTS = ("text", "thinking", "reasoning", "content", "summary", "value")  # of a part of a text
_EMPTY_TOKENS = 16  # an end, with an empty thought before it, takes no more
_MOST_TOKENS = 2**31


class NoAnswerError(Exception):
    """The server said 200 and gave no answer. `passing`: another try may do better."""

    def __init__(self, reason: str, *, passing: bool = True) -> None:
        super().__init__(reason)
        self.passing = passing


@dataclass(frozen=True)
class Reply:
    """Answers in the order of their samples, fewer than `choices` where some were broken off.

    `tokens` is 0 where the server does not say. `notes` are remarks on answers, one each.
    """

    answers: list[Answer]
    choices: int
    tokens: int
    notes: list[str]


def read_reply(content: bytes) -> Reply:
    """What the body of a reply with status 200 holds. Raises NoAnswerError when it is no answer."""
    try:
        return _read(json.loads(content))
    except ValueError:
        words = words_of(content)
        reason = f"the response is not JSON (check generation.endpoint.base_url): {words}"
    except RecursionError:
        reason = "the response is nested too deeply"
    raise NoAnswerError(reason)


def words_of(content: bytes) -> str:
    """What a server says in the body of an error, as one line."""
    try:
        return one_line(_message(json.loads(content)))
    except (ValueError, RecursionError):
        return one_line(content.decode("utf-8", "replace"))


def one_line(text: str) -> str:
    """A text of the server's that any terminal can show."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))


def _message(value: object) -> str:
    """The message in an error as most servers write it, or else all of it."""
    if isinstance(value, dict):
        for inner in (value.get("error"), value.get("message")):
            if isinstance(inner, dict):
                return _message(inner)
            if isinstance(inner, str) and inner and "error" not in value:
                return inner
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read(body: object) -> Reply:
    if not isinstance(body, dict):
        raise NoAnswerError(f"the response is no object: {one_line(_message(body))}")
    _refuse_error(body)
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise NoAnswerError(f"the response holds no choice: {one_line(_message(body))}")
    answers: list[Answer] = []
    notes: list[str] = []
    trouble: NoAnswerError | None = None
    for choice in _in_order(choices):
        try:
            answers.append(_answer(choice, notes))
        except NoAnswerError as error:
            trouble = trouble or error
            if not error.passing:  # another sample in its place would be a choice of samples
                raise
    if trouble and not answers:
        raise trouble
    tokens = _tokens(body.get("usage"))
    if tokens > _EMPTY_TOKENS * len(choices) and notes.count(EMPTY) == len(answers):
        raise NoAnswerError(f"the response holds no text of {tokens} tokens")
    return Reply(answers, len(choices), tokens, notes)


def _in_order(choices: list[Any]) -> list[Any]:
    """By their indices, as they come where some lack one or share one."""
    indices = [choice.get("index") if isinstance(choice, dict) else None for choice in choices]
    if all(type(index) is int for index in indices) and len(set(indices)) == len(indices):
        return sorted(choices, key=lambda choice: int(choice["index"]))
    return choices


def _answer(choice: object, notes: list[str]) -> Answer:
    """The answer in a choice; appends what is to be said of it to `notes`."""
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise NoAnswerError(f"a choice holds no message: {one_line(json.dumps(choice))}")
    _refuse_error(choice)
    _refuse_error(message)
    finish = str(choice.get("finish_reason")).lower()
    if finish in _BROKEN_OFF:
        raise NoAnswerError(f"the server broke the completion off ({finish})")
    if finish in _WITHHELD:
        raise NoAnswerError("the endpoint's filter withheld the completion", passing=False)
    if finish in _TOOL_CALLED or message.get("tool_calls") or message.get("function_call"):
        reason = "the endpoint made a tool call of it; serve the model without a tool-call parser"
        raise NoAnswerError(reason, passing=False)
    text, noted = _text(message), []
    if not text.strip() and finish not in _CUT:  # a thought that was cut is no answer
        text = next(filter(str.strip, (_flat(message.get(key)) for key in _THOUGHTS)), text)
        noted += [REASONING] if text.strip() else []
    if _SURROGATE.search(text):
        text = _SURROGATE.sub("\ufffd", text)
        noted.append(HALF_CHARACTER)
    if not text.strip():
        said_so = finish in _CUT or (finish in _ENDED and isinstance(message.get("content"), str))
        if not said_so:
            raise NoAnswerError(f"a choice holds no text: {one_line(json.dumps(choice))}")
        noted.append(CUT_EMPTY if finish in _CUT else EMPTY)
    if finish not in _ENDED | _CUT:
        noted.append(NO_END)
    notes += noted
    return Answer(text, finish not in _ENDED)


def _text(message: Mapping[str, Any]) -> str:
    """Its content, which may be in parts, else its refusal; thoughts are no part of it."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    texts = []
    for part in parts:
        if isinstance(part, dict):
            kind = str(part.get("type"))
            if any(thought in kind for thought in ("thinking", "reasoning")):
                continue
            if not any(isinstance(part.get(key), str | dict) for key in ("text", "refusal")):
                raise NoAnswerError(f"the content holds a part that is no text ({one_line(kind)})")
            texts.append(_flat(part.get("text")) or _flat(part.get("refusal")))
        elif isinstance(part, str):
            texts.append(part)
        elif part is not None:
            raise NoAnswerError(f"the content is no text: {one_line(json.dumps(content))}")
    text = "".join(texts)
    return text if text.strip() else _flat(message.get("refusal")) or text


def _flat(value: object) -> str:
    """The text in a value that may be in parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_flat, value))
    if isinstance(value, dict):
        return next(filter(None, (_flat(value.get(key)) for key in _PARTS)), "")
    return ""


def _refuse_error(holder: Mapping[str, Any]) -> None:
    error = holder.get("error")
    if any(error.values()) if isinstance(error, dict) else error:
        raise NoAnswerError(f"the response holds an error: {one_line(_message(error))}")


def _tokens(usage: object) -> int:
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return tokens if type(tokens) is int and 0 <= tokens < _MOST_TOKENS else 0
