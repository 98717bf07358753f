"""Code that stands in JSON, as in a call of a tool, or in a line of words."""

import json
import re
from collections.abc import Iterator
from typing import Any

from ketune.completions.indentation import aligned

# Keys whose text is code, the likeliest first.
_KEYS = ("code", "solution", "completion", "answer", "python", "program", "implementation")
_WORDS = {*_KEYS, "script", "source", "snippet", "function"}  # of other keys, as python_code
_WORD = re.compile(r"[A-Z]?[a-z]+")
_ARGUMENTS = {"arguments", "parameters", "args", "input"}  # of a call; JSON again
_OPENING = re.compile(r"[{\[]\s*+[\"{\[]")
_SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]++)\1(?!`)")
_MAX_TRIES, _MAX_SPANS = 20, 50
_read = json.JSONDecoder(strict=False)  # models leave line ends in texts as they are


def from_json(text: str, entry_point: str) -> str | None:
    """The code of an answer that is one JSON value, None if it is none."""
    stripped = text.strip()
    try:
        value, end = _read.raw_decode(stripped)
    except (ValueError, RecursionError):
        return None
    if end != len(stripped):
        return None
    return value if isinstance(value, str) else _code_of(value, entry_point)


def in_words(text: str, entry_point: str) -> list[str]:
    """The code of each JSON object or list in a text, in order."""
    found: list[str] = []
    position = 0
    for _ in range(_MAX_TRIES):
        opening = _OPENING.search(text, position)
        if opening is None:
            break
        position = opening.start() + 1
        try:
            value, position = _read.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            continue
        if (code := _code_of(value, entry_point)) is not None:
            found.append(code)
    return found


def in_spans(text: str) -> list[str]:
    """What stands between backticks within a line, in order."""
    return [span[2].strip() for span in _SPAN.finditer(text)][-_MAX_SPANS:]


def span_alone(text: str) -> str:
    """What stands between backticks where that is all, "" if it is not."""
    match = _SPAN.fullmatch(text.strip().rstrip("."))
    return match[2].strip() if match else ""


def _code_of(value: Any, entry_point: str) -> str | None:
    """The text in a JSON value that defines the entry point, else that of the likeliest key."""
    head = re.compile(rf"\b(?:def|class)\s+{re.escape(entry_point)}\b" if entry_point else "(?!)")
    best: tuple[tuple[bool, int], str] | None = None
    for key, text in _texts(value):
        defining = bool(head.search(text))
        if key in _KEYS:
            rank = _KEYS.index(key)
        elif defining or (_names_code(key) and aligned(text) is not None):
            rank = len(_KEYS)
        else:
            continue
        if best is None or (not defining, rank) < best[0]:
            best = (not defining, rank), text
    return best[1] if best else None


def _names_code(key: str) -> bool:
    return not _WORDS.isdisjoint(word.lower() for word in _WORD.findall(key))


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """Every text of a JSON value with its key, in order; of a list, that of the list."""
    pending = [("", value)]
    while pending:
        key, item = pending.pop()
        if isinstance(item, str) and key in _ARGUMENTS and item.lstrip().startswith("{"):
            try:
                item = _read.decode(item)
            except (ValueError, RecursionError):
                continue
        if isinstance(item, str):
            yield key, item
        elif isinstance(item, dict):
            pending += reversed(item.items())
        elif isinstance(item, list):
            pending += [(key, inner) for inner in reversed(item)]
