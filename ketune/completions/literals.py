"""Where string literals and comments stand in code, in one linear scan, broken code included."""

import re
from collections.abc import Iterator
from typing import Literal

_START = re.compile(r"#|'''|\"\"\"|'|\"")
_ENDS = {
    "#": re.compile(r"[^\n]*+"),
    "'": re.compile(r"(?:[^'\\\n]|\\.)*+'?", re.DOTALL),
    '"': re.compile(r'(?:[^"\\\n]|\\.)*+"?', re.DOTALL),
    "'''": re.compile(r"(?:[^'\\]|\\.|'(?!''))*+(?:'''|\Z)", re.DOTALL),
    '"""': re.compile(r'(?:[^"\\]|\\.|"(?!""))*+(?:"""|\Z)', re.DOTALL),
}

State = Literal["code", "comment", "string"]


def inside_strings(code: str) -> set[int]:
    """Indices of the lines that begin inside a string literal."""
    inside: set[int] = set()
    if not ("'''" in code or '"""' in code or "\\\n" in code):
        return inside
    line = position = 0
    for start, end, mark in _spans(code):
        if mark != "#" and (breaks := code.count("\n", start, end)):
            line += code.count("\n", position, start)
            inside.update(range(line + 1, line + breaks + 1))
            line, position = line + breaks, end
    return inside


def state_at_end(code: str) -> State:
    """What more text after `code` would be: part of a comment or a string literal, or code."""
    start, end, mark = -1, -1, ""
    for span in _spans(code):
        start, end, mark = span
    if end < len(code) or not mark:
        return "code"
    if mark == "#":
        return "comment"
    closed = end - start >= 2 * len(mark) and code.endswith(mark)
    return "code" if closed and not _escaped(code, end - len(mark)) else "string"


def _escaped(code: str, position: int) -> bool:
    before = code[max(0, position - 1000) : position]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _spans(code: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, opening mark) of every literal and comment."""
    position = 0
    while start := _START.search(code, position):
        match = _ENDS[start[0]].match(code, start.end())
        position = match.end() if match else start.end()
        yield start.start(), position, start[0]
