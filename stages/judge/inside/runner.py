"""Runs one program and its test in the confined process and reports how it went."""

import asyncio
import builtins
import gc
import json
import linecache
import os
import random
import re
import signal
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any, NoReturn

# The functions below resolve names here, not in the module that a program may patch.
__builtins__ = dict(vars(builtins))  # type: ignore[assignment]

SOLUTION, TEST = "<solution>", "<test>"
_MODULE = "solution"
_DETAIL = 300
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_PATH = re.compile(r"(?<![\w:/.])(?:/[\w.+-]+){2,}")

# What a program gets when the isolation refuses: no such right, read-only file system, no network,
# no space left, file too large, no more processes.
_REFUSALS = {"EPERM", "EACCES", "EROFS", "ENETUNREACH", "ENETDOWN", "ENOSPC", "EFBIG", "EAGAIN"}


@dataclass(frozen=True)
class Task:
    """A program to run; the test is compiled and its functions are named before any of it runs."""

    code: str
    test: CodeType
    calls: tuple[tuple[str, bool], ...]  # name, whether it takes the candidate
    entry_point: str


class _Ended(Exception):
    """The program is over: (outcome, detail)."""


def run(task: Task, report: Callable[[bytes], None]) -> NoReturn:
    """Run `task` and pass the outcome and its detail as JSON to `report`. Never returns."""
    # Bound before the program runs: it may replace anything it can import.
    dumps, getpid, leave, pristine = json.dumps, os.getpid, os._exit, dict(vars(builtins))
    try:
        try:
            _execute(task, pristine)
            outcome, detail = "passed", ""
        except _Ended as end:
            outcome, detail = end.args
        # A fork of the program that came back here has no say.
        if getpid() == 1:
            report(dumps([outcome, detail]).encode())
    finally:
        leave(1)


def prepare_process() -> None:
    """Seed, quieten and clear what the forked process inherited from the server."""
    import numpy as np  # noqa: PLC0415

    random.seed(0)
    np.random.seed(0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in sys.modules if name.split(".")[0] == "stages"]:
        del sys.modules[name]
    sys.path.remove("/judge")
    sys.argv = [""]
    os.chdir("/tmp")
    gc.freeze()


def _execute(task: Task, pristine: dict[str, Any]) -> None:
    try:
        code = compile(task.code, SOLUTION, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _Ended("syntax_error", _describe(error)) from None
    # inspect.getsource, dataclasses and pickle look a function's module up by name.
    lines = task.code.splitlines(keepends=True)
    linecache.cache[SOLUTION] = (len(task.code), None, lines, SOLUTION)
    module = types.ModuleType(_MODULE)
    module.__file__ = SOLUTION
    sys.modules[_MODULE] = module
    _guard(exec, code, vars(module))
    names = dict(vars(module))
    candidate = names.get(task.entry_point)
    if task.entry_point and not callable(candidate):
        raise _Ended("missing_entry_point", f"{task.entry_point} is not defined")
    # The test sees the program's names, so that they may share imports, but not its builtins.
    scope = {name: value for name, value in names.items() if name not in pristine}
    scope |= {"__builtins__": pristine, "__name__": "test", "__file__": TEST}
    if task.entry_point:
        scope[task.entry_point] = candidate
    _guard(exec, task.test, scope)
    for name, takes_candidate in task.calls:
        function = scope.get(name)
        if not isinstance(function, types.FunctionType):
            raise _Ended("runtime_error", f"the test's {name} was replaced")
        result = _guard(function, *([candidate] if takes_candidate else []))
        if isinstance(result, types.CoroutineType):
            _guard(asyncio.run, result)


def _guard(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call `function`; turn whatever it raises, SystemExit included, into the outcome."""
    try:
        return function(*arguments)
    except BaseException as error:
        raise _Ended(_classify(error), _describe(error)) from None


def _classify(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "out_of_memory"
    if isinstance(error, AssertionError) and not _passed_through_solution(error):
        return "wrong_answer"
    return "forbidden" if _refused(error) else "runtime_error"


def _passed_through_solution(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == SOLUTION:
            return True
        trace = trace.tb_next
    return False


def _refused(error: BaseException) -> bool:
    """Whether the error, or one that led to it, is the isolation's refusal."""
    import errno  # noqa: PLC0415
    import socket  # noqa: PLC0415

    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, socket.gaierror):
            return True
        if isinstance(current, OSError) and errno.errorcode.get(current.errno or 0) in _REFUSALS:
            return True
        current = current.__cause__ or current.__context__
    return False


def _describe(error: BaseException) -> str:
    """Type and first line of the message, without what differs between runs or machines."""
    try:
        message = str(error).strip()
    except BaseException:  # a program's own exception may fail to print
        message = ""
    first = message.splitlines()[0] if message else ""
    first = _PATH.sub(lambda match: match[0].rpartition("/")[2], _ADDRESS.sub("0x…", first))
    if isinstance(error, AssertionError):
        where = _test_line(error)
        first = first or (f"assertion at line {where} of the test" if where else "")
    name = type(error).__name__
    return (f"{name}: {first}" if first else name)[:_DETAIL]


def _test_line(error: BaseException) -> int | None:
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == TEST:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
