"""Code without what a notebook, an interactive session or a listing puts before its lines."""

import re
from collections.abc import Sequence

from ketune.completions.indentation import aligned
from ketune.completions.literals import inside_strings

_MAGIC = re.compile(r"^[ \t]*(?:[!%]|\$ |(?:pip3?|conda|apt(?:-get)?) install\b).*$")
_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.:?|In \[\d{1,5}\]:|\.{4,}:)(?: |$)")
_NUMBER = re.compile(r"[ \t]*(\d{1,5})(?:[ \t]*[:|.)\u2502]|(?=[ \t]|$))([ \t]*)")
_SPACE = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"  # what Python takes for no space
_QUOTED_OR_SPACE = re.compile(rf"'[^'\n]*+'|\"[^\"\n]*+\"|[{_SPACE}]")
_MARGIN = re.compile(rf"^[ \t{_SPACE}]+", re.MULTILINE)


def with_plain_spaces(text: str) -> str:
    """Spaces of other kinds, as word processors and web pages have them, are plain ones in the
    indentation and outside of quotes."""
    if text.isascii() or not re.search(f"[{_SPACE}]", text):
        return text
    text = _MARGIN.sub(lambda match: re.sub(f"[{_SPACE}]", " ", match[0]), text)
    return _QUOTED_OR_SPACE.sub(lambda match: match[0] if len(match[0]) > 1 else " ", text)


def without_magic(code: str) -> str:
    """A notebook's cell without its `!` and `%` lines; where one is all of a suite, `pass`."""
    inside = inside_strings(code)
    return "\n".join(
        line[: len(line) - len(line.lstrip())] + "pass"
        if _MAGIC.match(line) and i not in inside
        else line
        for i, line in enumerate(code.split("\n"))
    )


def without_prompts(code: str) -> str:
    """What was typed in an interactive session: lines after >>>, `...`, `In [1]:` and `...:`,
    without the results."""
    if ">>>" not in code and "In [" not in code:
        return code
    lines = [line for line in code.split("\n") if _PROMPT.match(line)]
    return without_magic("\n".join(_PROMPT.sub("", line, count=1) for line in lines))


def without_numbers(code: str) -> str:
    """The longest listing in `code`, lines numbered one after another, without the numbers."""
    lines = code.split("\n")
    start, end = _numbered(lines)
    found = [(line, _NUMBER.match(line)) for line in lines[start:end]]
    written = [match for line, match in found if match and line[match.end() :]]
    if len(written) < 2:
        return code
    column = min(match.end() for match in written)
    margin = min(len(match[2]) for match in written)
    for cut in (
        [line[column:] for line, _ in found],
        [line[match.end() - len(match[2]) + margin :] if match else "" for line, match in found],
    ):
        if aligned("\n".join(cut)) is not None:
            return "\n".join(cut)
    return code


def _numbered(lines: Sequence[str]) -> tuple[int, int]:
    """First and last but one of the most lines that are numbered in steps of one; blank lines have
    no number."""
    best, start, last = (0, 0), 0, -1
    for i, line in enumerate(lines):
        if not line.strip():
            continue
        match = _NUMBER.match(line)
        number = int(match[1]) if match else -1
        if last < 0 or number != last + 1:
            start = i
        last = number
        if match and i + 1 - start > best[1] - best[0]:
            best = start, i + 1
    return best
