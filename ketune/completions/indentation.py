"""Shifting code sideways without touching the insides of its strings."""

import ast
from functools import lru_cache

from ketune.completions.literals import inside_strings

# Characters of code that are parsed at most; no honest answer is so long.
MAX_CODE = 100_000


@lru_cache(maxsize=4)
def parse(code: str) -> ast.Module | None:
    """The syntax tree of `code`, None if it does not parse. A top-level `return` does.

    Not to be changed: the same code has the same tree.
    """
    if len(code) > MAX_CODE:
        return None
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def dedent(code: str, first: int = 0) -> str:
    """Remove the indentation shared by the lines from `first` on, and all of those before it."""
    lines = code.split("\n")
    inside = inside_strings(code)
    free = [i for i, line in enumerate(lines) if i not in inside and line.strip()]
    margin = _shared_margin([lines[i] for i in free if i >= first])
    for i in free:
        lines[i] = lines[i].removeprefix(margin) if i >= first else lines[i].lstrip()
    return "\n".join(lines)


def indent(code: str, margin: str) -> str:
    """Put `margin` before every line that holds code."""
    inside = inside_strings(code)
    return "\n".join(
        line if i in inside or not line.strip() else margin + line
        for i, line in enumerate(code.split("\n"))
    )


def aligned(code: str) -> str | None:
    """`code` moved to column 0 so that it parses as a module, None if no shift makes it parse.

    Besides a uniform indentation: a first line that lost its own, as tokenizers strip it, and
    imports at column 0 above an indented body.
    """
    code = code.strip("\n")
    lines = code.split("\n")
    indented = next((i for i, line in enumerate(lines) if i and line[:1].isspace()), 1)
    if len(code) > MAX_CODE:
        return None
    shifts = dict.fromkeys(dedent(code, first) for first in sorted({0, 1, indented}))
    return next((shifted for shifted in shifts if parse(shifted) is not None), None)


def depth(line: str) -> int:
    """How many blank characters `line` begins with."""
    return len(line) - len(line.lstrip())


def _shared_margin(lines: list[str]) -> str:
    margins = [line[: len(line) - len(line.lstrip())] for line in lines]
    if not margins:
        return ""
    low, high = min(margins), max(margins)
    same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[: min(same, len(high))]
