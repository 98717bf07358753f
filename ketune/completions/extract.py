"""The code in a chat completion.

Rules, of which docs/evaluation.md has the table: reasoning is dropped; of fenced blocks and, failing
those, of the code between them, the last one that defines the entry point counts, completed by what
only its neighbours hold. A definition is one in full: an import of the name is none, a sketch only
where nothing else is there. Without a definition a function's body counts, else all blocks joined
in order where that parses; examples that call the entry point are not part of it.
Indentation is kept: `stitch` decides what it means.
"""

import ast
import html
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ketune.completions.indentation import MAX_CODE, aligned, dedent, parse
from ketune.completions.literals import inside_strings
from ketune.completions.markdown import Fenced, fenced_blocks, with_fences
from ketune.completions.names import (
    Definition,
    changed,
    definition,
    defines,
    free_names,
    is_sketch,
    loaded,
    scope,
)
from ketune.completions.prose import code_runs, is_code, is_code_line, without_words
from ketune.completions.reasoning import strip_reasoning

_JSON_KEYS = ("code", "solution", "completion", "answer", "python", "program", "implementation")
_MAGIC = re.compile(r"^[ \t]*(?:[!%]|\$ |(?:pip3?|conda|apt(?:-get)?) install\b).*$")
_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.)(?: |$)")
_MAX_BLOCKS = 200  # blocks of one answer that are looked at; the last ones
_ZERO_WIDTH = "\ufeff"


def extract_code(completion: str, entry_point: str) -> str:
    """The Python code in `completion`, "" if there is none. Never raises.

    `entry_point` is the name the code should define ("" where there is none); it chooses among
    several blocks. The result may be a whole module, a function, or a function's body.
    """
    text = completion.replace(_ZERO_WIDTH, "").replace("\r\n", "\n").replace("\r", "\n")
    text = strip_reasoning(text)
    return _trim(_code_in(_from_json(text) or text, entry_point)) if text.strip() else ""


@dataclass(frozen=True)
class _Block:
    """Code of an answer: as written, and at column 0 with its tree where it parses."""

    source: str
    entry_point: str
    tag: str = ""
    code: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", aligned(self.source) or "")

    @cached_property
    def tree(self) -> ast.Module | None:
        return parse(self.code) if self.code else None

    @cached_property
    def is_code(self) -> bool:
        return self.tree is not None and is_code(self.tree)

    @cached_property
    def definition(self) -> Definition | None:
        return definition(self.code, self.tree, self.entry_point) if self.tree else None

    @cached_property
    def is_body(self) -> bool:
        """Whether it returns at its top level, as a function's body does."""
        return self.tree is not None and any(isinstance(n, ast.Return) for n in scope(self.tree.body))

    @cached_property
    def is_example(self) -> bool:
        """Whether it uses or imports the entry point without defining or being it."""
        if self.tree is None or not self.entry_point or self.definition or self.is_body:
            return False
        return self.entry_point in loaded([self.tree]) or defines(self.tree, self.entry_point)


def _code_in(text: str, entry_point: str) -> str:
    found, outside = fenced_blocks(with_fences(text))
    if not found:
        whole = text.strip("\n")
        tree = parse(aligned(whole) or "")
        if tree is not None and is_code(tree):
            return without_words(whole, tree)
    fenced = [
        block
        for part in found[-_MAX_BLOCKS:]
        if part.is_python and part.content.strip()
        for block in _read(part, entry_point)
    ]
    if chosen := _defining(fenced, "whole"):
        return _complete(chosen, fenced, outside)
    runs = [_Block(run, entry_point) for run in code_runs(outside)]
    others = [*fenced, *runs]
    if chosen := _defining(runs, "whole"):
        return _complete(chosen, others)
    mislabelled = [
        _Block(part.content, entry_point)
        for part in found[-_MAX_BLOCKS:]
        if not part.is_python and entry_point and part.tag != "diff" and entry_point in part.content
    ]
    if chosen := _defining(mislabelled, "whole"):
        return _complete(chosen, others)
    head = re.compile(rf"^[ \t]*(?:async\s+)?def\s+{re.escape(entry_point)}\b", re.MULTILINE)
    broken = [block for block in fenced if block.tree is None and entry_point]
    if written := [block for block in broken if head.search(block.source)]:
        return written[-1].source
    if entry_point and head.search(outside) and not _defining(runs, "sketch"):
        return _from_first_code_line(outside)
    for blocks in (fenced, runs):
        if body := [block for block in blocks if block.is_body]:
            return _joined(fenced, body[-1]) if blocks is fenced else _complete(body[-1], runs)
    if sketch := _defining(others, "sketch"):
        return _complete(sketch, others)
    if any(block.is_code for block in fenced):
        return _joined(fenced)
    if runs:
        serious = [run for run in runs if not run.is_example] or runs
        return max(serious, key=lambda run: run.source.count("\n")).source
    if fenced:
        return fenced[0].source
    return "" if found else _from_first_code_line(outside)


def _read(part: Fenced, entry_point: str) -> list[_Block]:
    """The code of a fenced block: itself where it parses, else what is left without the marks of
    a notebook, a session or HTML, else the runs of code in it, else itself."""
    block = _Block(part.content, entry_point, part.tag)
    if block.tree is not None or len(part.content) > MAX_CODE:
        return [block]
    repairs = (_without_magic, _without_prompts, html.unescape)
    for repair in repairs:
        repaired = _Block(repair(part.content), entry_point, part.tag)
        if repaired.is_code:
            return [repaired]
    runs = [_Block(run, entry_point, part.tag) for run in code_runs(part.content)]
    whole = any(run.definition == "whole" or run.is_body for run in runs)
    return runs if whole else [block]


def _without_magic(code: str) -> str:
    """A notebook's cell without its `!` and `%` lines; where one is all of a suite, `pass`."""
    inside = inside_strings(code)
    return "\n".join(
        line[: len(line) - len(line.lstrip())] + "pass"
        if _MAGIC.match(line) and i not in inside
        else line
        for i, line in enumerate(code.split("\n"))
    )


def _without_prompts(code: str) -> str:
    """What was typed in an interactive session: lines after >>> and `...`, without the results."""
    if ">>>" not in code:
        return code
    lines = [line for line in code.split("\n") if _PROMPT.match(line)]
    return "\n".join(_PROMPT.sub("", line, count=1) for line in lines)


def _from_json(text: str) -> str | None:
    """The code of an answer that is one JSON object or string, else None."""
    stripped = text.strip()
    fences, outside = fenced_blocks(stripped) if "```" in stripped else ([], "x")
    if len(fences) == 1 and fences[0].tag == "json" and not outside.strip():
        stripped = fences[0].content.strip()
    if not stripped.startswith(("{", '"')):
        return None
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        value = next((value[key] for key in _JSON_KEYS if isinstance(value.get(key), str)), None)
    return value if isinstance(value, str) else None


def _defining(blocks: Sequence[_Block], kind: Definition) -> _Block | None:
    """The last block that so defines the entry point: an answer ends with what it stands by."""
    return next((block for block in reversed(blocks) if block.definition == kind), None)


def _joined(blocks: Sequence[_Block], body: _Block | None = None) -> str:
    """All blocks in order where that parses, else those that parse; `body` where that does not."""
    used = [block for block in blocks if not (block.is_example or block.definition)]
    used = used or list(blocks)
    for candidates in (used, [block for block in used if block.is_code]):
        for sources in ([b.source for b in candidates], [dedent(b.source) for b in candidates]):
            joined = "\n".join(sources)
            if candidates and aligned(joined) is not None:
                return joined
    return _complete(body, used) if body else used[0].source


def _complete(chosen: _Block, blocks: Sequence[_Block], outside: str = "") -> str:
    """Put before `chosen` those statements of other blocks that it needs; `outside` has more."""
    missing = free_names(chosen.code)
    if not missing:
        return dedent(chosen.source) if chosen.definition else chosen.source
    others = [block for block in blocks if block is not chosen and block.tree is not None]
    others += [_Block(run, chosen.entry_point) for run in code_runs(outside)] if outside else []
    taken = _needed(others, missing, chosen.entry_point)
    if not taken:
        return dedent(chosen.source) if chosen.definition else chosen.source
    future, rest = _without_future(chosen.code)
    return "\n".join([*future, *taken, rest])


def _needed(blocks: Sequence[_Block], missing: set[str], entry_point: str) -> list[str]:
    """Source of the statements of `blocks` that bind or fill a missing name, in their order.

    What the last block binds counts, examples after all others and sketches after all in full;
    star imports may bind anything. Nothing that runs the entry point is taken.
    """
    statements = [
        (block, node)
        for block in blocks
        if block.tree is not None
        for node in block.tree.body
        if not (_runs(node, entry_point) or isinstance(node, ast.Return))
    ]
    ranked = sorted(
        range(len(statements)),
        key=lambda i: (
            statements[i][0].is_example,
            is_sketch(statements[i][0].code, statements[i][1]),
            -i,
        ),
    )
    taken: dict[int, _Block] = {}
    origin: dict[str, _Block] = {}
    grown = True
    while grown:
        grown = False
        for i in ranked:
            block, node = statements[i]
            names = changed(node) & missing
            # One block gives all statements of a name: another has another version of it.
            names = {name for name in names if origin.setdefault(name, block) is block}
            if i in taken or not (names or _is_star(node)):
                continue
            if is_sketch(block.code, node) and any(j in taken for j in _binders(statements, names)):
                continue
            taken[i] = block
            missing |= free_names(_source(block.code, node)) - {entry_point}
            grown = True
    return list(dict.fromkeys(_source(statements[i][0].code, statements[i][1]) for i in sorted(taken)))


def _binders(statements: Sequence[tuple[_Block, ast.stmt]], names: set[str]) -> Iterable[int]:
    return (j for j, (_, node) in enumerate(statements) if changed(node) & names)


def _runs(node: ast.stmt, entry_point: str) -> bool:
    """Whether a statement defines or imports the entry point, or uses it when it is executed."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == entry_point
    return entry_point in loaded([node]) or entry_point in changed(node)


def _is_star(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)


def _source(code: str, node: ast.stmt) -> str:
    """The lines of a statement; statements that share a line come together."""
    first = min([node.lineno, *(n.lineno for n in getattr(node, "decorator_list", []))])
    return "\n".join(code.split("\n")[first - 1 : node.end_lineno])


def _without_future(code: str) -> tuple[list[str], str]:
    """The lines with __future__ imports, which must come first, and the others."""
    future = [line for line in code.split("\n") if line.startswith("from __future__ import")]
    rest = [line for line in code.split("\n") if line not in future] if future else [code]
    return future, "\n".join(rest)


def _from_first_code_line(text: str) -> str:
    lines = text.split("\n")
    start = next((i for i, line in enumerate(lines) if is_code_line(line)), len(lines))
    return "\n".join(lines[start:])


def _trim(code: str) -> str:
    """Without blank lines at either end; "" if only blanks and comments are left."""
    lines = code.rstrip().split("\n")
    start = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    bare = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    return "\n".join(lines[start:]) if bare else ""
