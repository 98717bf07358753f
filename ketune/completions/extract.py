"""The code in a chat completion.

Rules, of which docs/evaluation.md has the table: reasoning is dropped; of fenced blocks and,
failing those, of the code between them, the last one that defines the entry point counts, completed
by what only its neighbours hold. A definition is one in full: an import of the name is none, a
sketch only where nothing else is there. Without a definition a function's body counts, else all
blocks joined in order where that parses; examples that call the entry point are not part of it.
Indentation is kept: `stitch` decides what it means.
"""

import html
import re
from collections.abc import Sequence

from ketune.completions.blocks import Block, complete
from ketune.completions.enclosed import from_json, in_spans, in_words, span_alone
from ketune.completions.indentation import MAX_CODE, aligned, dedent, depth, parse
from ketune.completions.listings import (
    with_plain_spaces,
    without_magic,
    without_numbers,
    without_prompts,
)
from ketune.completions.markdown import Fenced, fenced_blocks, with_fences
from ketune.completions.names import Definition
from ketune.completions.prose import code_runs, is_code, is_code_line, without_words
from ketune.completions.reasoning import strip_reasoning

_PATCHES = {"diff", "patch"}  # they are not applied: what to is not known
_MAX_BLOCKS = 200  # blocks of one answer that are looked at; the last ones
_ZERO_WIDTH = re.compile("[\ufeff\u200b\u2060]")


def extract_code(completion: str, entry_point: str) -> str:
    """The Python code in `completion`, "" if there is none. Never raises.

    `entry_point` is the name the code should define ("" where there is none); it chooses among
    several blocks. The result may be a whole module, a function, or a function's body.
    """
    text = _ZERO_WIDTH.sub("", completion).replace("\r\n", "\n").replace("\r", "\n")
    text = strip_reasoning(with_plain_spaces(text))
    code = from_json(text, entry_point) or text
    return _trim(_code_in(code, entry_point)) if text.strip() else ""


def _code_in(text: str, entry_point: str) -> str:
    found, outside = fenced_blocks(with_fences(text))
    if not found and (code := _all_code(text, entry_point)):
        return code
    found = [part for part in found if part.content.strip()][-_MAX_BLOCKS:]
    fenced = [
        block for part in found if part.is_python for block in _read(part.content, entry_point)
    ]
    if chosen := _defining(fenced, "whole"):
        return complete(chosen, fenced, outside)
    enclosed = [
        Block(_code_in(code, entry_point) if "```" in code else code, entry_point)
        for code in in_words(text, entry_point)
    ]
    if chosen := _defining(enclosed, "whole"):
        return complete(chosen, [*fenced, *enclosed])
    runs = [Block(run, entry_point) for run in code_runs(outside)]
    # Code under the tag of something else counts only where it is the definition.
    mislabelled = [
        Block(part.content, entry_point)
        for part in found
        if not part.is_python and part.tag not in _PATCHES and entry_point in part.content
    ]
    spans = [Block(span, entry_point) for span in in_spans(outside)]
    for blocks in (runs, mislabelled, spans):
        if chosen := _defining(blocks, "whole"):
            return complete(chosen, [*fenced, *runs])
    if code := _broken(fenced, runs, outside, entry_point):
        return code
    code = _undefined(fenced, runs, found, outside)
    return code or (enclosed[-1].source if enclosed else "")


def _all_code(text: str, entry_point: str) -> str:
    """The code of an answer without fences that is nothing but code, a session or a listing; ""
    where it is something else."""
    whole = span_alone(text) or text.strip("\n")
    tree = parse(aligned(whole) or "")
    if tree is not None and is_code(tree):
        return without_words(whole, tree)
    for repair in (without_prompts, without_numbers):
        repaired = Block(repair(whole), entry_point)
        if repaired.definition == "whole" or repaired.is_body:
            return repaired.source
    return ""


def _broken(fenced: Sequence[Block], runs: Sequence[Block], outside: str, entry_point: str) -> str:
    """The definition that does not parse, for the judge to refuse; "" if there is none."""
    written = [
        block for block in fenced if block.tree is None and _begins(block.source, entry_point)
    ]
    if written:
        return written[-1].source
    if _begins(outside, entry_point) and not _defining(runs, "sketch"):
        return _from_first_code_line(outside)
    return ""


def _begins(text: str, entry_point: str) -> bool:
    """Whether a definition of the entry point begins in `text`, whole or not."""
    head = rf"^[ \t]*(?:async\s+)?def\s+{re.escape(entry_point)}\b"
    return bool(entry_point and re.search(head, text, re.MULTILINE))


def _undefined(
    fenced: Sequence[Block], runs: Sequence[Block], found: Sequence[Fenced], outside: str
) -> str:
    """The answer of a text that defines no entry point in full."""
    if body := [block for block in fenced if block.is_body]:
        return _joined(fenced, body[-1])
    if body := [block for block in runs if block.is_body]:
        cut = _cut(outside, runs, body[-1])
        return _from_first_code_line(outside) if cut else complete(body[-1], runs)
    if sketch := _defining([*fenced, *runs], "sketch"):
        return complete(sketch, [*fenced, *runs])
    if any(block.is_code for block in fenced):
        return _joined(fenced)
    if runs:
        serious = [run for run in runs if not run.is_example] or runs
        return max(serious, key=lambda run: run.source.count("\n")).source
    return fenced[0].source if fenced else "" if found else _from_first_code_line(outside)


def _read(content: str, entry_point: str) -> list[Block]:
    """The code of a fenced block: itself where it parses, else what is left without the marks of
    a notebook, a session or HTML, else the runs of code in it, else itself.

    A function or a body that a broken line is part of is not what was written without that line.
    """
    block = Block(content, entry_point)
    if block.tree is not None or len(content) > MAX_CODE:
        return [block]
    for repair in (without_magic, without_prompts, without_numbers, html.unescape):
        repaired = Block(repair(content), entry_point)
        if repaired.is_code:
            return [repaired]
    runs = [Block(run, entry_point) for run in code_runs(content)]
    if _defining(runs, "whole"):
        return runs
    body = next((run for run in runs if run.is_body), None)
    if body is None or _begins(content, entry_point) or _cut(content, runs, body, listing=True):
        return [block]
    return runs


def _cut(text: str, runs: Sequence[Block], body: Block, *, listing: bool = False) -> bool:
    """Whether lines before `body`, one of the runs of `text`, are part of it and no Python.

    They are where they are as deep; in a `listing` also where they stand below a run, or look like
    code.
    """
    inner = min(depth(line) for line in body.source.split("\n") if line.strip())
    rest = text
    for number, run in enumerate(runs):
        gap, _, rest = rest.partition(run.source)
        words = [line for line in gap.split("\n") if line.strip() and line.lstrip()[0] != "#"]
        if any(0 < depth(line) >= inner for line in words):
            return True
        if listing and any(number or is_code_line(line) for line in words):
            return True
        if run is body:
            break
    return False


def _defining(blocks: Sequence[Block], kind: Definition) -> Block | None:
    """The last block that so defines the entry point: an answer ends with what it stands by.

    Below a whole definition, one that holds as much is whole too, whatever its comments say.
    """
    found = next((block for block in reversed(blocks) if block.definition == kind), None)
    if found is None or kind == "sketch":
        return found
    later = blocks[blocks.index(found) + 1 :]
    return next((b for b in reversed(later) if b.definition and b.size >= found.size), found)


def _joined(blocks: Sequence[Block], body: Block | None = None) -> str:
    """All blocks in order where that parses, else those that parse; `body` where that does not."""
    used = [block for block in blocks if not (block.is_example or block.definition)]
    used = used or list(blocks)
    for candidates in (used, [block for block in used if block.is_code]):
        for sources in ([b.source for b in candidates], [dedent(b.source) for b in candidates]):
            joined = "\n".join(sources)
            if candidates and aligned(joined) is not None:
                return joined
    return complete(body, used) if body else used[0].source


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
