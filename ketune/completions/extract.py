"""The code in a chat completion.

Rules: reasoning is dropped; of fenced blocks (any tag, an unclosed one too) the one that defines
the entry point counts, completed by definitions that only its neighbours hold; without such a block
all are joined in order where that parses; without fences the longest run of lines that is code.
Indentation is kept: `stitch` decides what it means.
"""

import ast
import builtins
import re
from collections.abc import Iterable

from ketune.completions.indentation import aligned, dedent, inside_strings, parse
from ketune.completions.reasoning import strip_reasoning

_FENCE = re.compile(r"^([ \t]*(?:>[ \t]?)?)(`{3,}|~{3,})[ \t]*([^`\n]*)$")
# Blocks that show a terminal or a result.
_NOT_PYTHON = {"bash", "sh", "shell", "zsh", "console", "text", "txt", "output", "plaintext"}
_NOT_PYTHON |= {"json", "yaml", "toml", "markdown", "md", "latex", "qasm", "openqasm", "diff"}
_CODE_LINE = re.compile(
    r"^\s*(?:(?:async\s+)?def\s+\w+\s*\(|class\s+\w+\s*[(:]|import\s+\w|from\s+[\w.]+\s+import\b|@\w"
    r"|return\b|(?:for|while|if|with|try)\b.*:\s*$|[\w.]+(?:\[.*\])?\s*[-+*/|&]?=[^=]|[\w.]+\(.*\)\s*$)"
)
# Bounds the search on a hostile or endless text; no honest completion comes near.
_MAX_PARSES, _MAX_CLOSINGS = 100, 8


def extract_code(completion: str, entry_point: str) -> str:
    """The Python code in `completion`, "" if there is none. Never raises.

    `entry_point` is the name the code should define ("" where there is none); it chooses among
    several blocks. The result may be a whole module, a function, or a function's body.
    """
    text = strip_reasoning(completion.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.strip():
        return ""
    blocks = _fenced_blocks(text)
    if blocks is None:
        text = text.strip("\n")
        whole = parse(aligned(text) or "")
        if whole is not None and _is_code(whole):
            return _trim(_without_words(text, whole))
        return _trim(_code_in_prose(text, entry_point))
    return _trim(_choose(blocks, entry_point))


def defines(tree: ast.Module | None, name: str) -> bool:
    """Whether the module binds `name` at its top level, also inside `if` and `try`."""
    return tree is not None and bool(name) and name in _bound(tree.body)


def _fenced_blocks(text: str) -> list[str] | None:
    """Contents of the fenced blocks that may be Python, None if the text has no fence at all."""
    lines = text.split("\n")
    blocks, found, index = [], False, 0
    while index < len(lines):
        opening = _FENCE.match(lines[index])
        if opening is None:
            index += 1
            continue
        found = True
        prefix, marks, info = opening.groups()
        end = _closing(lines, index + 1, marks)
        tag = info.strip().lower().split(" ")[0].strip("{}.")
        if tag not in _NOT_PYTHON:
            content = [line.removeprefix(prefix) for line in lines[index + 1 : end]]
            blocks.append("\n".join(content))
        index = end + 1
    return blocks if found else None


def _closing(lines: list[str], start: int, marks: str) -> int:
    """Index of the line that closes a block, or the end: the first after which the block parses.

    A docstring may hold a fence of its own, so the very first closing line may be too early.
    """
    closings = []
    for index in range(start, len(lines)):
        match = _FENCE.match(lines[index])
        if match and match[2].startswith(marks) and not match[3].strip():
            closings.append(index)
    for index in closings[:_MAX_CLOSINGS]:
        if aligned("\n".join(lines[start:index])) is not None:
            return index
    return closings[0] if closings else len(lines)


def _choose(blocks: list[str], entry_point: str) -> str:
    blocks = [block for block in blocks if block.strip()]
    trees = [parse(dedent(block)) for block in blocks]
    chosen = [index for index, tree in enumerate(trees) if defines(tree, entry_point)]
    if chosen:
        # The last one: answers that show two versions end with the one they stand by.
        index = chosen[-1]
        others = [tree for i, tree in enumerate(trees) if i != index and tree is not None]
        return _complete(dedent(blocks[index]), others)
    if len(blocks) < 2:
        return "".join(blocks)
    for candidates in (blocks, [b for b, tree in zip(blocks, trees, strict=True) if tree]):
        for joined in ("\n".join(candidates), "\n".join(map(dedent, candidates))):
            if candidates and parse(joined) is not None:
                return joined
    return blocks[0]


def _complete(code: str, others: list[ast.Module]) -> str:
    """Put before `code` those imports and definitions of other blocks whose names it lacks."""
    tree = ast.parse(code)
    missing = _used([tree]) - _bound(ast.walk(tree)) - set(dir(builtins))
    available = [
        node
        for other in others
        for node in other.body
        if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
    ]
    taken: list[ast.stmt] = []
    # From the last, as the helpers taken may need what stands before them.
    for node in reversed(available):
        if missing & _bound([node]):
            taken.insert(0, node)
            missing = (missing | _used([node])) - _bound([node])
    return "\n".join([*map(ast.unparse, taken), code])


def _used(nodes: Iterable[ast.AST]) -> set[str]:
    return {
        inner.id
        for node in nodes
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
    }


def _bound(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that the statements bind, following `if`, `try` and `with` but not functions."""
    names: set[str] = set()
    for node in nodes:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name.split(".")[0] for alias in aliases}
            case ast.Assign() | ast.AnnAssign() | ast.For() | ast.With() | ast.Try() | ast.If():
                inner = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
                names |= {n.id for n in inner if isinstance(n.ctx, ast.Store)}
                if isinstance(node, ast.Try | ast.If | ast.With):
                    names |= _bound(n for n in ast.iter_child_nodes(node))
                    names |= _bound(getattr(node, "orelse", []))
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
    return names


def _code_in_prose(text: str, entry_point: str) -> str:
    """The longest run of lines that parses and holds a statement, one defining the entry point
    before all others; failing that, what follows the first line that looks like code."""
    lines = text.split("\n")
    best, best_key, parses = "", (False, 0), 0
    index = 0
    while index < len(lines) and parses < _MAX_PARSES:
        if not lines[index].strip():
            index += 1
            continue
        run, cost = _longest_run(lines[index:])
        parses += cost
        tree = parse(dedent(run))
        size = len(run.split("\n")) if run else 0
        if tree is not None and _is_code(tree):
            key = (defines(tree, entry_point), size)
            if key > best_key:
                best, best_key = _without_words(run, tree), key
        index += max(1, size) if tree is not None and _is_code(tree) else 1
    cut_short = re.search(rf"^\s*(?:async\s+)?def\s+{re.escape(entry_point)}\b", text, re.MULTILINE)
    if best and (best_key[0] or not cut_short):
        return best
    starts = [number for number, line in enumerate(lines) if _CODE_LINE.match(line)]
    return "\n".join(lines[starts[0] :]) if starts else ""


def _longest_run(lines: list[str]) -> tuple[str, int]:
    """The longest prefix of `lines` that parses, and how many parses that took."""
    margin = len(lines[0]) - len(lines[0].lstrip())
    inside = inside_strings("\n".join(lines)) if margin else set()
    outside = (i for i, line in enumerate(lines) if line[:margin].strip() and i not in inside)
    end, cost = next(outside, len(lines)), 0
    while end:
        cost += 1
        code = "\n".join(lines[:end])
        try:
            ast.parse(dedent(code))
        except SyntaxError as error:
            # What stands before the offending line may be whole.
            end = min(end - 1, max(0, (error.lineno or end) - 1))
        except (ValueError, RecursionError, MemoryError):
            return "", cost
        else:
            return code, cost
    return "", cost


def _is_code(tree: ast.Module) -> bool:
    """Whether a module does something."""
    return not all(map(_is_words, tree.body))


def _is_words(node: ast.stmt) -> bool:
    """Whether a statement may be prose: words and lists of them parse as names, tuples, sums."""
    calls = (ast.Call, ast.Await, ast.Yield, ast.NamedExpr)
    return isinstance(node, ast.Expr | ast.AnnAssign) and not isinstance(node.value, calls)


def _without_words(run: str, tree: ast.Module) -> str:
    """`run`, whose tree is `tree`, from its first statement that is no prose to its last."""
    kept = [node for node in tree.body if not _is_words(node)]
    first = min([kept[0].lineno, *(n.lineno for n in getattr(kept[0], "decorator_list", []))])
    return "\n".join(run.split("\n")[first - 1 : kept[-1].end_lineno])


def _trim(code: str) -> str:
    """Without blank lines at either end; "" if only blanks and comments are left."""
    code = re.sub(r"\A(?:[ \t]*\n)+", "", code).rstrip()
    bare = [line for line in code.split("\n") if line.strip() and not line.strip().startswith("#")]
    return code if bare else ""
