"""What of a text or program survives reformatting: keys to find the same content elsewhere.

Every key is a 64-bit integer and depends on the content alone, so keys compare across processes
and runs.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ketune.dataset.syntax import MAX_DEPTH, nodes, parse

Keys = NDArray[np.uint64]

GRAM_WORDS = 8
# Syntax nodes a function must have for its structure to tell anything: below, two authors write
# the same by chance (`return QuantumCircuit(n)` has 7; benchmarks/decontamination.py measures).
MIN_NODES = 12

# Signs are words here: |+-> is not |-+>, and in code they survive any layout.
_WORD = re.compile(r"\w+|[-+*/%<>=|^&~]")
_FENCED = re.compile(r"```[ \t]*[\w+-]*[ \t]*\n(.*?)```", re.DOTALL)
# Imports open every program alike; they tell nothing about what it does.
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+[\w.]+[ \t]+import[ \t]*(?:\([^)]*\)|.*)|import[ \t]+[\w.]+.*)$",
    re.MULTILINE,
)
_MULTIPLIER = 0x9E3779B97F4A7C15
_POWERS = [np.uint64(pow(_MULTIPLIER, n, 2**64)) for n in range(GRAM_WORDS, 0, -1)]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Of the nodes that are written down as they are, the fields that say what a program does.
_SPECIAL = {ast.Name, ast.Constant, ast.Attribute, ast.arg, ast.AnnAssign, *_FUNCTIONS}
_PLAIN_FIELDS = {
    kind: tuple(field for field in kind._fields if field not in {"ctx", "type_comment"})
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST) and kind not in _SPECIAL
}


def text_key(text: str) -> int:
    """Key of an exact text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def words(text: str) -> list[str]:
    """Words, numbers and signs in lower case, without punctuation, layout and imports."""
    return _WORD.findall(_IMPORT.sub("", text).lower())


def gram_keys(text: str) -> Keys:
    """Distinct keys of the word 8-grams of a text, sorted; none when it has fewer words."""
    codes = np.array([crc32(word.encode()) for word in words(text)], dtype=np.uint64)
    grams = max(0, len(codes) - GRAM_WORDS + 1)
    keys = np.zeros(grams, dtype=np.uint64)
    for offset, power in enumerate(_POWERS):
        keys += codes[offset : offset + grams] * power
    return distinct(keys)


def distinct(keys: Keys) -> Keys:
    """The keys sorted, each once. np.unique takes longer for so few."""
    keys = np.sort(keys)
    return keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys


def docstring(stub: str, entry_point: str) -> str:
    """What a function's stub asks for: its docstring, or the whole stub when it has none."""
    tree = parse(stub)
    for node in () if isinstance(tree, str) else nodes(tree):
        if isinstance(node, _FUNCTIONS) and node.name == entry_point:
            return ast.get_docstring(node) or stub
    return stub


def fenced_code(text: str) -> Iterator[str]:
    """The contents of the text's ``` blocks."""
    if "```" in text:
        yield from _FENCED.findall(text)


@lru_cache(maxsize=16)  # a row is looked at as a row, as a task and as a sibling
def code_keys(program: str) -> Mapping[str, int]:
    """Key of the structure of each top-level function or method of a program, by name.

    Equal keys mean the same code up to layout, comments, docstrings, annotations, `pass`, names of
    functions, arguments and variables, and the way names are imported. Functions below MIN_NODES
    syntax nodes are left out, and so is everything when the program does not parse.
    """
    tree = parse(program)
    if isinstance(tree, str):
        return {}
    imports = _imported(tree)
    shared = {node.name for node in tree.body if isinstance(node, _FUNCTIONS)}
    methods = [n for node in tree.body if isinstance(node, ast.ClassDef) for n in node.body]
    keys = {}
    for node in [*tree.body, *methods]:
        if isinstance(node, _FUNCTIONS):
            normal = _Normaliser(imports, shared | _bound(node))
            tokens = normal.function(node)
            if normal.nodes >= MIN_NODES:
                keys[node.name] = text_key(tokens)
    return keys


def _imported(tree: ast.Module) -> dict[str, str]:
    """Names that imports bind: to "" for a module, else to the name they have at home."""
    names: dict[str, str] = {}
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name.partition(".")[0]: "" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
    return names


def _bound(function: ast.AST) -> set[str]:
    names = set()
    for node in nodes(function):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, (*_FUNCTIONS, ast.ExceptHandler)) and node.name:
            names.add(node.name)
    return names


class _Normaliser:
    """Writes a function's syntax tree as text, its own names numbered by first appearance."""

    def __init__(self, imports: dict[str, str], own: set[str]) -> None:
        self.imports = {name: home for name, home in imports.items() if name not in own}
        self.own = own
        self.numbers: dict[str, str] = {}
        self.tokens: list[str] = []
        self.nodes = 0

    def function(self, node: ast.AST) -> str:
        limit = sys.getrecursionlimit()
        # Two calls a level, which take no C stack. Only here: CPython's parser would take the same
        # limit for its own, and crash.
        sys.setrecursionlimit(limit + 2 * MAX_DEPTH)
        try:
            self._visit(node)
        finally:
            sys.setrecursionlimit(limit)
        return " ".join(self.tokens)

    def _name(self, name: str) -> str:
        if name in self.own:
            return self.numbers.setdefault(name, f"v{len(self.numbers)}")
        return self.imports.get(name) or name

    def _visit(self, node: ast.AST) -> None:
        self.nodes += 1
        if (fields := _PLAIN_FIELDS.get(type(node))) is not None:
            self._children(type(node).__name__, node, fields)
            return
        match node:
            case ast.Name():
                self.tokens.append(self._name(node.id))
            case ast.Attribute() if self._of_module(node.value):
                self.tokens.append(node.attr)
            case ast.Constant():
                self.tokens.append(repr(node.value))
            case ast.arg():
                self.tokens.append(self._name(node.arg))
            case ast.AnnAssign():
                self._children("Assign", node, ("target", "value"))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self.tokens.append(self._name(node.name))
                self._children("def", node, ("decorator_list", "args", "body"))
            case ast.Attribute():
                self._children("Attribute", node, ("value", "attr"))

    def _children(self, kind: str, node: ast.AST, fields: tuple[str, ...]) -> None:
        self.tokens.append(kind)
        for field in fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                self.tokens.append("[")
                for child in value:
                    if isinstance(child, ast.AST):
                        if not _says_nothing(child):
                            self._visit(child)
                    else:
                        self.tokens.append(repr(child))
                self.tokens.append("]")
            elif isinstance(value, ast.AST):
                self._visit(value)
            elif value is not None:
                own = field == "name" and isinstance(node, ast.ExceptHandler)
                self.tokens.append(self._name(value) if own else repr(value))

    def _of_module(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and self.imports.get(node.id) == ""


def _says_nothing(node: ast.AST) -> bool:
    match node:
        case ast.Pass() | ast.Import() | ast.ImportFrom() | ast.AnnAssign(value=None):
            return True
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False
