"""A block of an answer's code, and how it is completed by the others."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ketune.completions.indentation import aligned, dedent, parse
from ketune.completions.names import (
    Definition,
    changed,
    defines,
    definition,
    free_names,
    is_sketch,
    loaded,
    scope,
    size,
)
from ketune.completions.prose import code_runs, is_code


@dataclass(frozen=True)
class Block:
    """Code of an answer: as written, and at column 0 with its tree where it parses."""

    source: str
    entry_point: str
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
    def size(self) -> int:
        """Statements of its definition of the entry point."""
        return size(self.tree, self.entry_point) if self.tree else 0

    @cached_property
    def is_body(self) -> bool:
        """Whether it returns at its top level, as a function's body does."""
        return self.tree is not None and any(
            isinstance(n, ast.Return) for n in scope(self.tree.body)
        )

    @cached_property
    def is_example(self) -> bool:
        """Whether it uses or imports the entry point without defining or being it."""
        if self.tree is None or not self.entry_point or self.definition or self.is_body:
            return False
        return self.entry_point in loaded([self.tree]) or defines(self.tree, self.entry_point)


def complete(chosen: Block, blocks: Sequence[Block], outside: str = "") -> str:
    """Put before `chosen` those statements of other blocks that it needs; `outside` has more."""
    missing = free_names(chosen.code)
    if not missing:
        return dedent(chosen.source) if chosen.definition else chosen.source
    others = [block for block in blocks if block is not chosen and block.tree is not None]
    others += [Block(run, chosen.entry_point) for run in code_runs(outside)] if outside else []
    taken = _needed(others, missing, chosen.entry_point)
    if not taken:
        return dedent(chosen.source) if chosen.definition else chosen.source
    future, rest = _without_future(chosen.code)
    return "\n".join([*future, *taken, rest])


def _needed(blocks: Sequence[Block], missing: set[str], entry_point: str) -> list[str]:
    """Source of the statements of `blocks` that bind or fill a missing name, in their order.

    What the last block binds counts, examples after all others and sketches after all in full;
    star imports may bind anything. Nothing that runs the entry point is taken. In linear time.
    """
    statements = [
        _Statement(block, node, lines)
        for block in blocks
        if block.tree is not None
        for lines in [block.code.split("\n")]
        for node in block.tree.body
        if not (_runs(node, entry_point) or isinstance(node, ast.Return))
    ]
    by_name: dict[str, list[int]] = {}
    for i in sorted(
        range(len(statements)),
        key=lambda i: (statements[i].block.is_example, statements[i].is_sketch, -i),
    ):
        for name in statements[i].names:
            by_name.setdefault(name, []).append(i)
    taken = {i for i, statement in enumerate(statements) if _is_star(statement.node)}
    pending, known = sorted(missing), {*missing, entry_point}
    asked: set[tuple[str, int, int]] = set()
    while pending:
        binders = by_name.get(pending.pop(), [])
        # One block gives all statements of a name: another has another version of it.
        origin = statements[binders[0]].block if binders else None
        for i in binders:
            statement = statements[i]
            sketched = statement.is_sketch and any(j in taken for j in binders)
            if i in taken or statement.block is not origin or sketched:
                continue
            taken.add(i)
            if statement.place not in asked:  # statements that share a line have one source
                asked.add(statement.place)
                new = free_names(statement.source) - known
                known |= new
                pending += sorted(new)
    return list(dict.fromkeys(statements[i].source for i in sorted(taken)))


class _Statement:
    """A statement of a block: what it changes, and its lines."""

    def __init__(self, block: Block, node: ast.stmt, lines: Sequence[str]) -> None:
        self.block, self.node = block, node
        self.names = changed(node)
        self.is_sketch = is_sketch(lines, node)
        first = min([node.lineno, *(n.lineno for n in getattr(node, "decorator_list", []))])
        self.place: tuple[str, int, int] = (block.source, first, node.end_lineno or first)
        self.lines = lines

    @cached_property
    def source(self) -> str:
        _, first, last = self.place
        return "\n".join(self.lines[first - 1 : last])


def _runs(node: ast.stmt, entry_point: str) -> bool:
    """Whether a statement defines or imports the entry point, or uses it when it is executed."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name == entry_point
    return entry_point in loaded([node]) or entry_point in changed(node)


def _is_star(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)


def _without_future(code: str) -> tuple[list[str], str]:
    """The lines with __future__ imports, which must come first, and the others."""
    future = [line for line in code.split("\n") if line.startswith("from __future__ import")]
    rest = [line for line in code.split("\n") if line not in future] if future else [code]
    return future, "\n".join(rest)
