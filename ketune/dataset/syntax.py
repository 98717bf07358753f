"""Python source as a syntax tree, parsed once for all the rules that look at it. Nothing runs."""

import ast
import dis
import warnings
from collections.abc import Sequence
from functools import lru_cache
from types import CodeType

# How deep a syntax tree may nest. CPython gives up at about 2,900 levels, how many exactly hangs on
# the caller's stack; what is taken must not hang on it, so this is a little less.
MAX_DEPTH = 2500
_TOO_DEEP = f"nests deeper than {MAX_DEPTH} levels"

# A row is checked, then looked at as a row, as a task and as a sibling.
_REMEMBERED = 16
# Fields that hold no node, or one without content: whether a name is loaded or stored, an operator.
_LEAVES = frozenset({"ctx", "op", "ops", "id", "attr", "name", "kind", "type_comment"})
_INNER_FIELDS = {
    kind: tuple(field for field in kind._fields if field not in _LEAVES)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
} | {ast.Constant: ()}


@lru_cache(maxsize=_REMEMBERED)
def parse(source: str) -> ast.Module | str:
    """The tree of a module, not to be changed; or why CPython's parser refuses it."""
    try:
        # Invalid escapes in LaTeX-laden docstrings are no reason to warn the user here.
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (RecursionError, MemoryError):
        return _TOO_DEEP
    except ValueError as error:
        return f"{type(error).__name__}: {error}"
    return _TOO_DEEP if _nests_too_deep(tree) else tree


@lru_cache(maxsize=_REMEMBERED)
def compiled(source: str) -> CodeType | str:
    """The code of a module, or why CPython does not compile it. Nothing is executed."""
    tree = parse(source)
    if isinstance(tree, str):
        return tree
    try:
        # The compiler refuses what the parser lets pass, such as `return` outside a function. From
        # the text: a tree handed over may nest three times less.
        with warnings.catch_warnings(action="ignore"):
            return compile(source, "<row>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (RecursionError, MemoryError):
        return _TOO_DEEP
    except ValueError as error:
        return f"{type(error).__name__}: {error}"


@lru_cache(maxsize=_REMEMBERED)
def nodes(tree: ast.AST) -> Sequence[ast.AST]:
    """All nodes but contexts and operators, in the order of ast.walk, in half its time."""
    found = [tree]
    for node in found:
        found += _children(node)
    return found


def binds(module: CodeType, name: str) -> bool:
    """Whether running a module can bind `name` at its top level.

    A `global` name counts wherever it is assigned: its function may be called.
    """
    codes = [module]
    for code in codes:
        codes += [value for value in code.co_consts if isinstance(value, CodeType)]
        stores = {"STORE_GLOBAL", "STORE_NAME"} if code is module else {"STORE_GLOBAL"}
        # Most have no such name at all.
        if name in code.co_names and any(
            step.opname in stores and step.argval == name for step in dis.get_instructions(code)
        ):
            return True
    return False


def _children(node: ast.AST) -> list[ast.AST]:
    children = []
    for field in _INNER_FIELDS[type(node)]:
        value = getattr(node, field)
        if isinstance(value, ast.AST):
            children.append(value)
        elif isinstance(value, list):
            children += [child for child in value if isinstance(child, ast.AST)]
    return children


def _nests_too_deep(tree: ast.AST) -> bool:
    if len(nodes(tree)) <= MAX_DEPTH:
        return False
    level, depth = [tree], 0
    while level and depth <= MAX_DEPTH:
        level, depth = [child for node in level for child in _children(node)], depth + 1
    return bool(level)
