"""Python source as a syntax tree, parsed once for all the rules that look at it. Nothing runs."""

import ast
import warnings
from collections.abc import Sequence
from functools import lru_cache

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
            return ast.parse(source)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (RecursionError, MemoryError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


@lru_cache(maxsize=_REMEMBERED)
def nodes(tree: ast.AST) -> Sequence[ast.AST]:
    """All nodes but contexts and operators, in the order of ast.walk, in half its time."""
    found = [tree]
    for node in found:
        for field in _INNER_FIELDS[type(node)]:
            value = getattr(node, field)
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found += [child for child in value if isinstance(child, ast.AST)]
    return found
