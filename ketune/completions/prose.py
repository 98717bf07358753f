"""Code that stands in prose without fences: the runs of lines that parse."""

import ast
import re

from ketune.completions.indentation import MAX_CODE, aligned, dedent, depth, parse
from ketune.completions.literals import inside_strings

_CODE_LINE = re.compile(
    r"\s*+(?:(?:async\s+)?def\s+\w+\s*[(\[]|class\s+\w+\s*[(:]|import\s+\w|from\s+[\w.]+\s+import\b|@\w"
    r"|(?:return|pass|raise|assert|yield|await|del|global|nonlocal)\b|'''|\"\"\""
    r"|(?:for|while|if|with|try|match)\b.*:\s*(?:#.*)?$|\(?[\w.]++(?:\[[^\]]*+\])?"
    r"(?:\s*,\s*[\w.*]++)*\)?\s*(?::\s*[\w.\[\], |]+)?(?:[-+*/|&^%@]|//|\*\*|>>|<<)?=[^=]"
    r"|[\w.]++\(.*$)"
)
_LINE = 400  # characters of a line that tell what it is
# Bounds the search on a hostile or endless text; no honest completion comes near.
_MAX_PARSES, _MAX_PARSED = 200, 500_000


def code_runs(text: str) -> list[str]:
    """The runs of lines in `text` that parse and do something, in order, indentation kept.

    A run ends where a line is neither deeper nor code. One whose last statement is cut off, as the
    next line goes on inside of it, is left out: half a function is not what was written.
    """
    lines = text.split("\n")
    runs: list[str] = []
    budget = _Budget()
    index, before, within = 0, "", False
    while index < len(lines) and not budget.spent:
        line = lines[index]
        if line.strip():
            # The inside of a statement whose head is broken is no code of its own.
            within = bool(depth(line)) and depth(before) < depth(line) and is_code_line(before)
            before = line
        if not line.strip() or within or not is_code_line(line):
            index += 1
            continue
        size = _run(lines, index, budget)
        code = "\n".join(lines[index : index + size])
        tree = parse(aligned(code) or "") if size else None
        if tree is not None and is_code(tree):
            runs.append(without_words(code, tree))
        before = lines[index + size - 1] if size else before
        index += max(1, size)
    return runs


def is_code_line(line: str) -> bool:
    """Whether a line looks as if it were of a program."""
    return bool(_CODE_LINE.match(line[:_LINE]))


def is_code(tree: ast.Module) -> bool:
    """Whether a module does something."""
    return not all(map(_is_words, tree.body))


def without_words(code: str, tree: ast.Module) -> str:
    """`code`, whose tree is `tree`, from its first statement that is no prose to its last."""
    kept = [node for node in tree.body if not _is_words(node) or _is_text(node)]
    first = min([kept[0].lineno, *(n.lineno for n in getattr(kept[0], "decorator_list", []))])
    return "\n".join(code.split("\n")[first - 1 : kept[-1].end_lineno])


class _Budget:
    """How much may still be parsed of one text."""

    def __init__(self) -> None:
        self.parses, self.characters = _MAX_PARSES, _MAX_PARSED

    @property
    def spent(self) -> bool:
        return self.parses <= 0 or self.characters <= 0

    def take(self, code: str, read: int) -> None:
        """One more parse, of which `read` characters were read before it failed."""
        self.parses -= 1
        self.characters -= read + len(code) // 20


def _run(lines: list[str], start: int, budget: _Budget) -> int:
    """How many lines from `start` are a run, 0 if none."""
    own = depth(lines[start])
    if not own and (size := _headless(lines, start, budget)):
        return size
    window = _window(lines, start)
    inside = inside_strings("\n".join(window)) if own else set()
    outside = (i for i, line in enumerate(window) if line[:own].strip() and i not in inside)
    end = next(outside, len(window))
    while end and not budget.spent:
        code = dedent("\n".join(window[:end]))
        error = _error_line(code)
        if error is None:
            budget.take(code, len(code))
            following = next((line for line in window[end:] if line.strip()), "")
            return end if depth(following) <= own else 0
        # What stands before the offending line may be whole.
        budget.take(code, sum(len(line) for line in window[:error]))
        end = min(end - 1, max(0, error - 1))
        while end and not window[end - 1].strip():
            end -= 1
    return 0


def _error_line(code: str) -> int | None:
    """The line, from 1, at which `code` stops being Python, 0 if that cannot be told; None if it
    is Python."""
    try:
        ast.parse(code)
    except SyntaxError as error:
        return error.lineno or code.count("\n") + 1
    except (ValueError, RecursionError, MemoryError):
        return 0
    return None


def _headless(lines: list[str], start: int, budget: _Budget) -> int:
    """Lines of an indented body whose first line lost its indentation, 0 if it is none."""
    following = lines[start + 1 : start + 2]
    if not following or not following[0].strip() or not depth(following[0]):
        return 0
    window = _window(lines, start)
    inside = inside_strings("\n".join(window))
    end = next(
        (
            i
            for i, line in enumerate(window)
            if i and line.strip() and not depth(line) and i not in inside
        ),
        len(window),
    )
    code = "\n".join(window[:end])
    budget.take(code, 0)
    if parse(window[0]) is None or aligned(code) is None:
        return 0
    return end


def _window(lines: list[str], start: int) -> list[str]:
    """The lines from `start` that one parse may take."""
    size, end = 0, start
    while end < len(lines) and size <= MAX_CODE:
        size += len(lines[end]) + 1
        end += 1
    return lines[start : end if size <= MAX_CODE else max(start + 1, end - 1)]


def _is_words(node: ast.stmt) -> bool:
    """Whether a statement may be prose: words and lists of them parse as names, tuples, sums."""
    calls = (ast.Call, ast.Await, ast.Yield, ast.NamedExpr)
    return isinstance(node, ast.Expr | ast.AnnAssign) and not isinstance(node.value, calls)


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a text: a docstring, which no prose begins with."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
