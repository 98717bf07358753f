"""The program's process: runs the module, then answers the test's calls of its functions."""

import linecache
import os
import sys
import types
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ketune.judge.inside.failures import SOLUTION, describe, solution_failure
from ketune.judge.inside.peer import Peer

_MODULE = "solution"


def run(code: str, channel: int) -> NoReturn:
    """Execute the module `code`, then serve. Nothing here is safe from the program: it may replace
    any of it, and gains nothing by it, as all it can do is send values. Never returns.

    The first handle the test may call is `lookup`. A module that fails says so instead.
    """
    peer = Peer(channel, strict=False, describe=solution_failure)
    try:
        compiled = compile(code, SOLUTION, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        _leave(peer, "syntax_error", describe(error))
    # inspect.getsource, dataclasses and pickle look a function's module up by name.
    linecache.cache[SOLUTION] = (len(code), None, code.splitlines(keepends=True), SOLUTION)
    module = types.ModuleType(_MODULE)
    module.__file__ = SOLUTION
    sys.modules[_MODULE] = module
    try:
        exec(compiled, vars(module))
    except BaseException as error:
        _leave(peer, *solution_failure(error))
    peer.export(_lookup(vars(module)))
    peer.send(["ready", [str(name) for name in vars(module)]])
    peer.serve_all()
    os._exit(0)


def _lookup(names: dict[str, Any]) -> Callable[[str], Any]:
    """A function that hands out the module's names: of a library's, where they come from."""

    def lookup(name: str, *, borrowed: bool = True) -> tuple[str, Any, str]:
        value = names[name]
        if not borrowed:
            return "value", value, ""
        if isinstance(value, types.ModuleType):
            return "library", value.__name__, ""
        origin = str(getattr(value, "__module__", None) or _MODULE)
        functions = type | types.FunctionType | types.BuiltinFunctionType | np.ufunc
        if origin != _MODULE and isinstance(value, functions):
            return "library", origin, str(value.__name__)
        return "value", value, ""

    return lookup


def _leave(peer: Peer, outcome: str, detail: str) -> NoReturn:
    peer.send(["ended", outcome, detail])
    os._exit(1)
