"""Turning the code of a completion into the module that the judge runs."""

import ast
from typing import Literal

from ketune.completions.indentation import aligned, indent, parse
from ketune.completions.names import defines

TaskType = Literal["function_completion", "code_generation"]
Rules = Literal["ketune", "seed"]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DECLARATIONS = (*_DEFINITIONS, ast.ClassDef, ast.Import, ast.ImportFrom)
_BINDINGS = (ast.Assign, ast.AnnAssign)


def stitch(
    stub_or_question: str, code: str, entry_point: str, task_type: TaskType, rules: Rules = "ketune"
) -> str:
    """The complete module source for the answer `code`, "" when there is no code.

    function_completion: `stub_or_question` is the stub, ending in its signature, its docstring or a
    placeholder such as `pass`. A body, at whatever indentation, goes under the stub's signature; an
    answer that defines `entry_point` follows the stub's imports and helpers. code_generation: the
    code alone; the question adds nothing.

    rules="seed" reproduces the specification's original evaluator instead: an answer with a
    function stands alone, so that imports and helpers it took from the stub are dropped, and a body
    is put after the stub as it is written.

    Never raises: what cannot be placed is returned unplaced for the judge to refuse.
    """
    if not code.strip():
        return ""
    placed = aligned(code)
    if task_type == "code_generation":
        return _ending(placed or code)
    if rules == "seed":
        return _ending(code if defines(parse(code), entry_point) else stub_or_question + code)
    return _ending(_complete_stub(stub_or_question, code, placed, entry_point))


def _complete_stub(stub: str, code: str, placed: str | None, entry_point: str) -> str:
    stub = stub.replace("\r\n", "\n").rstrip() + "\n"
    if parse(stub) is None:
        stub += "    pass\n"  # a bare signature
    function = _find(parse(stub), entry_point)
    if function is None:
        return f"{stub}\n{placed or code}"
    lines = stub.split("\n")
    first = min([function.lineno, *(node.lineno for node in function.decorator_list)])
    preamble = "\n".join(lines[: first - 1])
    if placed is None:
        return f"{preamble}\n{code}"
    if _is_module(placed, entry_point):
        return _after_preamble(preamble, placed)
    head, margin = _head(lines, first, function)
    rest = "\n".join(lines[function.end_lineno or len(lines) :])
    body, below = _without_helpers(placed)
    return f"{preamble}\n{head}\n{indent(body, margin)}\n{rest}\n{below}"


def _find(
    tree: ast.Module | None, entry_point: str
) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The stub's function: the one named `entry_point`, else its last."""
    functions = [node for node in tree.body if isinstance(node, _DEFINITIONS)] if tree else []
    named = [node for node in functions if node.name == entry_point]
    return next(reversed(named or functions), None)


def _is_module(code: str, entry_point: str) -> bool:
    """Whether an answer is a module of its own rather than the body of the stub's function."""
    tree = ast.parse(code)
    if defines(tree, entry_point):
        # A body may bind the function's name for itself, but then it also returns.
        return not any(isinstance(node, ast.Return) for node in tree.body)
    # Only declarations: a function of another name, which as a body would silently return None.
    return all(isinstance(node, _DECLARATIONS) for node in tree.body)


def _without_helpers(body: str) -> tuple[str, str]:
    """A function's body, and the helpers below its last statement, which are the module's: there
    the function finds them."""
    statements = ast.parse(body).body
    returns = [i for i, node in enumerate(statements) if isinstance(node, ast.Return | ast.Raise)]
    below = statements[returns[0] + 1 :] if returns else []
    if not below or not all(isinstance(node, (*_DECLARATIONS, *_BINDINGS)) for node in below):
        return body, ""
    end = statements[returns[0]].end_lineno or 1
    if min(node.lineno for node in below) <= end:
        return body, ""
    lines = body.split("\n")
    return "\n".join(lines[:end]), "\n".join(lines[end:])


def _after_preamble(preamble: str, code: str) -> str:
    """`code` after the stub's imports and helpers, its __future__ imports before both."""
    lines = code.split("\n")
    future = [
        node
        for node in ast.parse(code).body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    for node in future:
        for number in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[number] = ""
    return "\n".join([*map(ast.unparse, future), preamble, *lines])


def _head(
    lines: list[str], first: int, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> tuple[str, str]:
    """Decorators, signature and docstring of the stub's function, and its body's indentation."""
    start = function.body[0]
    own_line = lines[start.lineno - 1]
    before = own_line[: len(own_line.encode()[: start.col_offset].decode())]
    signature = lines[first - 1 : start.lineno - 1]
    if before.strip():
        # The body starts on the signature's line, so nothing of it can stay there.
        return "\n".join([*signature, before]), "    "
    if ast.get_docstring(function) is not None:
        signature += lines[start.lineno - 1 : start.end_lineno]
    return "\n".join(signature), before


def _ending(source: str) -> str:
    return source.strip("\n") + "\n"
