"""Watches the two confined processes of one task from outside their namespaces and decides.

The program's process never holds the test, nor the test's process the program: each reads its own
part from a file that only it inherits.
"""

import contextlib
import gc
import json
import math
import os
import random
import re
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from stages.judge.inside import check, confine, solution

_WATCH = 0.1  # seconds between two looks at the task's processes
_MAX_PROCESSES, _MAX_THREADS = 32, 256
_MAX_REPORT, _STDERR_TAIL = 4096, 4096
_END = 2.0  # seconds for a process that has closed its channel to end
_PAGE = os.sysconf("SC_PAGE_SIZE")
# What libraries print when an allocation fails in native code, before they abort.
_OUT_OF_MEMORY = re.compile(r"memory allocation of \d+ bytes failed|bad_alloc|MemoryError")

# Named once: to look through all modules in a fork would copy a page of memory for each name.
_OWN_MODULES = [
    "stages",
    "stages.judge",
    "stages.judge.inside",
    *(f"stages.judge.inside.{path.stem}" for path in Path(__file__).parent.glob("*.py")),
]

Result = tuple[str, str, float]


@dataclass
class _Process:
    """A confined process: its id, the pipes of why it could not be confined and of its standard
    error, and the end of what it wrote there."""

    id: int
    refusal: int
    errors: int
    tail: bytes = b""

    def wait_confined(self) -> None:
        """Return once no more of our code runs before it is confined. Raises OSError."""
        if why := _read_all(self.refusal):
            raise OSError(f"confinement failed: {why.decode()}")

    def drain(self) -> bool:
        """Read what is there; False at the end of the stream."""
        chunk = os.read(self.errors, 1 << 16)
        self.tail = (self.tail + chunk)[-_STDERR_TAIL:]
        return bool(chunk)


def run_task(code: int, test: int, timeout: float, memory_mb: int) -> Result:
    """Run the program in file `code` against the test in file `test` (descriptors), confined.

    Returns (outcome, detail, seconds), outcome "bad_test" for a test that cannot run. Changes this
    process's namespaces for good: call it in a process of its own, once. Raises OSError when the
    namespaces cannot be made.
    """
    confine.mount_scratch()
    start = time.monotonic()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    report, report_in_test = os.pipe()
    program = _start(
        lambda: solution.run(_read_all(code).decode("utf-8", "surrogatepass"), theirs.fileno()),
        memory_mb,
        (code, theirs.fileno()),
        may_execute=True,
    )
    # Made after the program's process: the test may write a file that is a link to its report.
    seal = os.urandom(16)
    checker = _start(
        lambda: check.run(
            json.loads(_read_all(test)),
            ours.fileno(),
            lambda message: os.write(report_in_test, seal + message),
        ),
        memory_mb,
        (test, ours.fileno(), report_in_test),
        may_execute=False,
    )
    for descriptor in (ours.detach(), theirs.detach(), report_in_test, code, test):
        os.close(descriptor)
    program.wait_confined()
    checker.wait_confined()
    received = _watch(program, checker, report, start + timeout, memory_mb)
    outcome, detail = (
        _decide(received, seal, program, checker) if isinstance(received, bytes) else received
    )
    seconds = time.monotonic() - start
    for process in (program, checker):
        # Every process of its namespace dies with process 1, before waitpid returns.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.id, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.id, 0)
    return outcome, detail, seconds


def _read_all(descriptor: int) -> bytes:
    with open(descriptor, "rb") as file:
        return file.read()


def _start(
    body: Callable[[], NoReturn], memory_mb: int, kept: tuple[int, ...], *, may_execute: bool
) -> _Process:
    """Fork a process with namespaces of its own, confine it, and run `body` in it."""
    refusal, refusal_in_child = os.pipe()
    errors, errors_in_child = os.pipe()
    confine.new_namespaces()
    child = os.fork()
    if child:
        os.close(refusal_in_child)
        os.close(errors_in_child)
        return _Process(child, refusal, errors)
    try:
        os.setsid()
        os.dup2(errors_in_child, 2)
        confine.limit(memory_mb, (*kept, refusal_in_child))
        confine.mount_private()
        _prepare()
        confine.drop_privileges(may_execute=may_execute)
    except BaseException as error:
        os.write(refusal_in_child, f"{type(error).__name__}: {error}".encode())
        os._exit(1)
    os.close(refusal_in_child)
    try:
        body()
    except BaseException as error:  # what called us belongs to another process
        os.write(2, type(error).__name__.encode())
    finally:
        os._exit(1)


def _prepare() -> None:
    """Seed, quieten and clear what the process inherited from the server."""
    random.seed(0)
    np.random.seed(0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in _OWN_MODULES:
        sys.modules.pop(name, None)
    sys.argv = [""]
    os.chdir("/tmp")
    gc.freeze()


def _watch(
    program: _Process, checker: _Process, report: int, deadline: float, memory_mb: int
) -> bytes | tuple[str, str]:
    """What the test's process reported until it closed, or the verdict of a broken limit."""
    poll = select.poll()
    for descriptor in (report, program.errors, checker.errors):
        poll.register(descriptor, select.POLLIN)
    received = b""
    next_look = time.monotonic() + _WATCH
    while True:
        now = time.monotonic()
        if now >= deadline:
            return "timeout", ""
        if now >= next_look:
            next_look = now + _WATCH
            for process in (program, checker):
                if excess := _excess(process.id, memory_mb):
                    return excess
        wait = max(0.0, min(deadline, next_look) - now)
        events = {descriptor for descriptor, _ in poll.poll(math.ceil(wait * 1000))}
        for process in (program, checker):
            if process.errors in events and not process.drain():
                poll.unregister(process.errors)
        if report in events:
            chunk = os.read(report, _MAX_REPORT)
            received += chunk
            if not chunk:
                return received


def _decide(received: bytes, seal: bytes, program: _Process, checker: _Process) -> tuple[str, str]:
    """The verdict, once the test's process has closed its report."""
    if not received:
        return _explain_end(checker) or ("judge_error", "the test's process hangs")
    if not received.startswith(seal):
        return "forbidden", "the program had the judge's report written"
    outcome, detail = json.loads(received.removeprefix(seal))
    if outcome != "ended":
        return outcome, detail
    return _explain_end(program) or ("forbidden", "the program closed the judge's channel")


def _explain_end(process: _Process) -> tuple[str, str] | None:
    """Outcome of a process that died unasked, None if it lives on."""
    handle = os.pidfd_open(process.id)
    try:
        if not select.select([handle], [], [], _END)[0]:
            return None
    finally:
        os.close(handle)
    _, status = os.waitpid(process.id, 0)
    os.set_blocking(process.errors, False)
    with contextlib.suppress(BlockingIOError):
        while process.drain():
            pass
    errors = process.tail.decode("utf-8", "replace")
    if _OUT_OF_MEMORY.search(errors):
        return "out_of_memory", "an allocation failed in native code"
    if os.WIFEXITED(status):
        code = os.WEXITSTATUS(status)
        return "runtime_error", f"exited with status {code} before the test had finished"
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL:
        return "out_of_memory", "killed by the system"
    return "runtime_error", f"ended by {signal.Signals(number).name}"


def _excess(child: int, memory_mb: int) -> tuple[str, str] | None:
    """The verdict on a task whose processes together are too many or too large, else None.

    The limits of `confine` hold per process; a program may start several.
    """
    parents: dict[int, int] = {}
    sizes: dict[int, tuple[int, int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdecimal() and (fields := _stat(name)):
            parents[int(name)] = int(fields[1])
            sizes[int(name)] = int(fields[17]), int(fields[21]) * _PAGE
    members = {child}
    while added := {p for p, parent in parents.items() if parent in members} - members:
        members |= added
    threads = sum(sizes[member][0] for member in members if member in sizes)
    if len(members) > _MAX_PROCESSES or threads > _MAX_THREADS:
        return "forbidden", f"more than {_MAX_PROCESSES} processes or {_MAX_THREADS} threads"
    # What a fork shares with the preloaded server counts for neither.
    _, shared = sizes.get(os.getpid(), (0, 0))
    used = sum(max(0, sizes[member][1] - shared) for member in members if member in sizes)
    if used > memory_mb * confine.MEBIBYTE:
        return "out_of_memory", f"the program's processes use more than {memory_mb} MiB"
    return None


def _stat(name: str) -> list[str] | None:
    """Fields of /proc/<name>/stat after the command, None if the process is gone."""
    try:
        with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
