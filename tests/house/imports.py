"""What a module of ours can import, at once or later, read from the source."""

import ast
import re
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
# As a subprocess or a plugin is given: `-m ketune.a.b`, ketune/a/b.py.
_NAMED = re.compile(r"ketune(?:[./]\w+)+?(?:\.py)?")


def modules(room: str) -> set[str]:
    """Paths of the modules of a file or folder that hold code, relative to the repository."""
    path = REPOSITORY / room
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    return {str(file.relative_to(REPOSITORY)) for file in files if _has_code(file)}


@cache
def imports(path: str) -> frozenset[str]:
    """Paths of our modules that one module names: imports anywhere in it, and plugins by path."""
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    parents = Path(path).parent.parts
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = parents[: len(parents) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and _NAMED.fullmatch(str(node.value)):
            names.add(str(node.value).removesuffix(".py").replace("/", "."))
    found = set()
    for name in names:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            found |= _files(parts[:end])
    return frozenset(found)


@cache
def reachable(path: str) -> frozenset[str]:
    """Every module of ours that running one can import, itself included."""
    seen: set[str] = set()
    todo = [path]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo += imports(current)
    return frozenset(seen)


def _files(parts: list[str]) -> set[str]:
    if parts[0] not in {"ketune", "stages"}:
        return set()
    base = Path(*parts)
    both = (base.with_suffix(".py"), base / "__init__.py")
    return {str(path) for path in both if (REPOSITORY / path).is_file()}


@cache
def _has_code(file: Path) -> bool:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return len(body) > 1 or (bool(body) and not isinstance(body[0], ast.Expr))
