"""The test's process: runs the test; the program is only there as values and as calls."""

import ast
import asyncio
import builtins
import json
import os
import symtable
import types
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any, NoReturn

from ketune.judge.inside import files, guard, trusted
from ketune.judge.inside.changes import TEST_MODULE
from ketune.judge.inside.failures import TEST, Ended, check_failure, not_judged, one_line
from ketune.judge.inside.opaque import Opaque
from ketune.judge.inside.peer import Closed, Peer
from ketune.judge.inside.questions import questions, with_questions
from ketune.judge.inside.wire import Refused

_CONTEXT = "<context>"
_SEAL = 16  # bytes
# What a program can say of itself before the test begins.
_OWN_WORD = {"syntax_error", "runtime_error", "forbidden", "out_of_memory"}


@dataclass(frozen=True)
class Test:
    """A test compiled: its code, the functions to call with whether each takes the candidate, and
    the names it uses without binding them."""

    code: CodeType
    calls: tuple[tuple[str, bool], ...]
    free: tuple[str, ...]
    seeds: bool


def run(bundle: dict[str, str], channel: int, report: int, sealed: int) -> NoReturn:
    """Run the test of `bundle` (test, context, entry_point) against the program at `channel`.

    Writes to `report` the 16 bytes that are in the pipe `sealed`, which never become an object
    here, then [outcome, detail] as JSON, "ended" where the program's process went away. Never
    returns.
    """
    try:
        try:
            _check(bundle, channel)
            verdict = ["passed", ""]
        except Ended as end:
            verdict = [end.outcome, one_line(end.detail)]
        except Closed:
            verdict = ["ended", ""]
        except BaseException as error:  # outside the test's own code, as a message of any size is
            verdict = list(check_failure(error))
        # The kernel moves the seal: whoever looks through this process's objects finds none.
        os.splice(sealed, report, _SEAL)
        os.write(report, json.dumps(verdict).encode())
    finally:
        os._exit(0)


def _check(bundle: dict[str, str], channel: int) -> None:
    try:
        test = _compile(bundle["test"])
        scope = _context(bundle["context"])
    except (SyntaxError, ValueError) as error:
        raise Ended("bad_test", f"the test does not compile: {error.args[0]}") from None
    if not test.calls:
        raise Ended("bad_test", "the test defines neither check(candidate) nor test_*")
    entry_point = bundle["entry_point"]
    peer = Peer(channel, strict=True, describe=check_failure)
    peer.sends_random_state = test.seeds
    guard.install(peer._report)
    names = _ready(peer, entry_point)
    _lend(peer, scope, [name for name in test.free if name in names and name != entry_point])
    candidate = None
    if entry_point:
        candidate = scope[entry_point] = _guard(_candidate, peer, entry_point)
    scope |= {"__name__": TEST_MODULE, "__file__": TEST, "open": files.open_scratch}
    scope |= questions(peer._report, peer.is_call)
    _guard(exec, test.code, scope)
    for name, takes_candidate in test.calls:
        result = _guard(scope[name], *([candidate] if takes_candidate else []))
        if isinstance(result, types.CoroutineType):
            _guard(asyncio.run, result)
    # Where the test took one of these for an exception like any other.
    if peer.closed:
        raise Closed
    if peer.unjudgeable:
        raise Ended(*not_judged(peer.unjudgeable))
    if peer.refused:
        raise Ended("forbidden", f"the program handed out {peer.refused}")


def _compile(source: str) -> Test:
    """Functions to call are `check` and every `test_*`; `check` takes the candidate, a `test_*` by
    a parameter so named. A test that itself ends in `check(...)`, as Qiskit HumanEval Hard's do, is
    not run twice.
    """
    tree = ast.parse(source)
    calls = {
        node.name: node.name == "check" or "candidate" in {a.arg for a in node.args.args}
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.name == "check" or node.name.startswith("test_"))
    }
    tree.body = [node for node in tree.body if not _calls_check(node)]
    tree = with_questions(tree)
    code = compile(tree, TEST, "exec", dont_inherit=True)
    used, bound = _global_names(symtable.symtable(source, TEST, "exec"))
    free = tuple(sorted(used - bound - set(vars(builtins))))
    return Test(code, tuple(calls.items()), free, "seed" in source or "set_state" in source)


def _global_names(table: symtable.SymbolTable) -> tuple[set[str], set[str]]:
    """Global names that a scope and those within it use, and those that they bind, by whatever
    statement."""
    top = table.get_type() == "module"
    used, bound = set(), set()
    for symbol in table.get_symbols():
        if top or symbol.is_global():
            if symbol.is_referenced():
                used.add(symbol.get_name())
            if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
                bound.add(symbol.get_name())
    for inner in table.get_children():
        more, others = _global_names(inner)
        used, bound = used | more, bound | others
    return used, bound


def _calls_check(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="check"), args=[ast.Name()], keywords=[])):
            return True
    return False


def _context(source: str) -> dict[str, Any]:
    """Names of the trusted source. A statement that fails here is left out: a test that needs its
    names fails then, and says which."""
    scope: dict[str, Any] = {}
    for node in ast.parse(source).body:
        code = compile(ast.Module([node], []), _CONTEXT, "exec", dont_inherit=True)
        try:
            exec(code, scope)
        except Exception:
            continue
    return scope


def _ready(peer: Peer, entry_point: str) -> set[str]:
    """Names that the program's module defines, once it has run."""
    try:
        (kind, *content), _ = peer.receive()
    except Refused as error:
        raise Ended("forbidden", f"the program wrote {error}") from None
    if kind == "ended" and len(content) == 2 and str(content[0]) in _OWN_WORD:
        raise Ended(str(content[0]), str(content[1]))
    if kind != "ready" or len(content) != 1 or not isinstance(content[0], list):
        raise Ended("forbidden", "the program wrote to the judge's channel")
    names = {str(name) for name in content[0]}
    if entry_point and entry_point not in names:
        raise Ended("missing_entry_point", f"{entry_point} is not defined")
    return names


def _candidate(peer: Peer, entry_point: str) -> Any:
    _, value, _ = peer.call(0, (entry_point,), {"borrowed": False})
    if not callable(value):
        raise Ended("missing_entry_point", f"{entry_point} is not a function")
    return value


def _lend(peer: Peer, scope: dict[str, Any], names: list[str]) -> None:
    """Names that the test takes from the program's module, where the context has none. What may
    not be lent fails where the test uses it."""
    for name in names:
        if name in scope:
            continue
        kind, value, qualname = _guard(peer.call, 0, (name,), {})
        why = f"{name}, which the program lends the test as its own"
        if kind != "library":
            own = trusted.is_a_librarys(name, value)
            scope[name] = Opaque(0, why, peer._report) if own else value
            continue
        try:
            scope[name] = trusted.library(value, qualname, name)
        except Refused as error:
            scope[name] = Opaque(0, f"{error}, which the program lends the test", peer._report)


def _guard(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call `function`; turn whatever it raises, SystemExit included, into the outcome."""
    try:
        return function(*arguments)
    except (Ended, Closed):
        raise
    except Refused as error:
        raise Ended("forbidden", f"the program handed out {error}") from None
    except BaseException as error:
        raise Ended(*check_failure(error)) from None
