"""What code defines, what it needs from elsewhere, and what of it is only sketched.

No function here recurses over a tree: a model may write one of any depth.
"""

import ast
import builtins
import re
import symtable
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from ketune.completions.indentation import indent

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
_COMMENT = re.compile(r"^[ \t]*#(.{1,100})$", re.MULTILINE)
_WORD = re.compile(r"\w+|\.{3}|…")
# Of these alone is a comment in the place of code: "# ... rest of the code"; "# Rest of the qubits:
# a chain" tells of code that follows.
_GONE = {
    *("...", "…", "rest", "remainder", "remaining", "same", "existing", "previous", "unchanged"),
    *("omitted", "your"),
}
_LEFT_OUT = _GONE | {
    *("of", "the", "as", "before", "above", "here", "goes", "go", "is", "are", "remains", "remain"),
    *("stays", "for", "brevity", "other", "add", "insert", "write", "put", "todo"),
    *("code", "function", "implementation", "logic", "body", "program", "method", "class"),
    *("circuit", "steps"),
}
_BUILTINS = frozenset(dir(builtins))

Definition = Literal["whole", "sketch"]


def defines(tree: ast.Module | None, name: str) -> bool:
    """Whether the module binds `name` at its top level, also inside `if` and `try`."""
    return tree is not None and bool(name) and name in bound(tree.body)


def definition(code: str, tree: ast.Module, name: str) -> Definition | None:
    """How the module `code` defines `name`, None if it does not.

    An import of the name defines nothing, as in the example `from my_module import f`, nor does an
    assignment that uses it. A sketch has no body, or `...` or a comment in place of a part of it.
    """
    found: Definition | None = None
    lines = code.split("\n")
    for node in scope(tree.body) if name else ():
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if node.name == name:
                found = "sketch" if is_sketch(lines, node) else "whole"
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                if name in stored(node) and name not in loaded([value]):
                    found = "whole"
    return found


def is_sketch(lines: Sequence[str], node: ast.stmt) -> bool:
    """Whether a function or class has no body, or leaves a part of it out; `lines` are those of the
    code that it stands in."""
    if not isinstance(node, _DEFINITIONS):
        return False
    if all(_is_placeholder(statement) for statement in node.body):
        return True
    if isinstance(node, ast.ClassDef):
        return False
    if any(map(_leaves_out, [node, *scope(node.body)])):
        return True
    comments = _COMMENT.findall("\n".join(lines[node.lineno - 1 : node.end_lineno]))
    words = [set(_WORD.findall(comment.lower())) for comment in comments]
    return any(said & _GONE and said <= _LEFT_OUT for said in words)


def size(tree: ast.Module, name: str) -> int:
    """Statements of the last definition of `name`, without texts, `pass` and `...`."""
    found = [n for n in scope(tree.body) if isinstance(n, _DEFINITIONS) and n.name == name]
    inner = ast.walk(found[-1]) if found else ()
    return sum(isinstance(node, ast.stmt) and not _is_placeholder(node) for node in inner)


def scope(statements: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of `statements` in the order of the text, bodies of functions and classes aside."""
    stack = list(statements)[::-1]
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, (*_DEFINITIONS, ast.Lambda)):
            stack += list(ast.iter_child_nodes(node))[::-1]


def bound(statements: Iterable[ast.stmt]) -> set[str]:
    """Names that statements bind in their own scope."""
    names: set[str] = set()
    for node in scope(statements):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name.split(".")[0] for alias in aliases}
    return names


def stored(node: ast.AST) -> set[str]:
    """Names that a statement assigns."""
    return {
        inner.id
        for inner in scope([node])
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
    }


def changed(statement: ast.stmt) -> set[str]:
    """Names that a statement binds, or whose objects it fills: `t[k] = v`, `t.append(v)`."""
    names = bound([statement])
    for node in scope([statement]):
        match node:
            case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                names |= _root(node)
            case ast.Expr(value=ast.Call(func=ast.Attribute() as method)):
                names |= _root(method)
    return names


def loaded(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that are used anywhere within `nodes`."""
    return {
        inner.id
        for node in nodes
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
    }


def free_names(code: str) -> set[str]:
    """Names that `code`, a module or a function's body, uses and binds nowhere; no builtins."""
    table = _table(code) or _table("def _():\n" + indent(code, "    "))
    used: set[str] = set()
    known: set[str] = set(_BUILTINS)
    tables = [(table, True)] if table else []
    while tables:
        current, top = tables.pop()
        tables += [(child, False) for child in current.get_children()]
        for symbol in current.get_symbols():
            if symbol.is_referenced() and (top or symbol.is_global()):
                used.add(symbol.get_name())
            if (symbol.is_assigned() or symbol.is_imported()) and (top or symbol.is_global()):
                known.add(symbol.get_name())
    return used - known


def _table(code: str) -> symtable.SymbolTable | None:
    try:
        return symtable.symtable(code, "answer", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _root(node: ast.expr) -> set[str]:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _is_placeholder(node: ast.stmt) -> bool:
    match node:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Raise(exc=ast.Name(id=name) | ast.Call(func=ast.Name(id=name))):
            return name == "NotImplementedError"
    return False


def _leaves_out(node: ast.AST) -> bool:
    """Whether `...` stands among the statements of a suite, or for all of a loop's or a `with`'s;
    for all of an `if` or `except` it is Python's `pass`."""
    return any(
        _is_ellipsis(statement)
        and (len(suite) > 1 or isinstance(node, ast.For | ast.AsyncFor | ast.While | ast.With))
        for suite in (getattr(node, "body", None), getattr(node, "orelse", None))
        if isinstance(suite, list)
        for statement in suite
    )


def _is_ellipsis(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and (
        isinstance(node.value, ast.Constant) and node.value.value is ...
    )
