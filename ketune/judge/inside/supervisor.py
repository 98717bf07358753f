"""Watches the two confined processes of one task from outside their namespaces and decides.

The program's process never holds the test, nor the test's process the program: each reads its own
part from a file that only it is given.
"""

import contextlib
import json
import math
import os
import re
import select
import signal
import socket
import time
from dataclasses import dataclass

from ketune.judge.inside import confine
from ketune.judge.inside.forks import Confined, Forks

_WATCH = 0.1  # seconds between two looks at the task's processes
_MAX_PROCESSES, _MAX_THREADS = 32, 256
_MAX_REPORT, _STDERR_TAIL = 4096, 4096
_END = 2.0  # seconds for a process that has closed its channel to end
_PAGE = os.sysconf("SC_PAGE_SIZE")
# What libraries print when an allocation fails in native code, before they abort.
_OUT_OF_MEMORY = re.compile(r"memory allocation of \d+ bytes failed|bad_alloc|MemoryError")

Result = tuple[str, str, float]


@dataclass
class _Process:
    """A confined process: the pipes of why it could not be confined and of its standard error, and
    the end of what it wrote there."""

    confined: Confined
    refusal: int
    errors: int
    tail: bytes = b""

    def wait_confined(self) -> None:
        """Return once no more of our code runs before it is confined. Raises OSError."""
        why = b""
        while chunk := os.read(self.refusal, _MAX_REPORT):
            why += chunk
        if why:
            raise OSError(f"confinement failed: {why.decode()}")

    def drain(self) -> bool:
        """Read what is there; False at the end of the stream."""
        chunk = os.read(self.errors, 1 << 16)
        self.tail = (self.tail + chunk)[-_STDERR_TAIL:]
        return bool(chunk)


def run_task(forks: Forks, code: int, test: int, timeout: float, memory_mb: int) -> Result:
    """Run the program in file `code` against the test in file `test` (descriptors), confined.

    Returns (outcome, detail, seconds), outcome "bad_test" for a test that cannot run. Closes both
    files. Raises OSError when the processes cannot be made or confined.
    """
    start = time.monotonic()
    with contextlib.ExitStack() as kept:
        seal = os.urandom(16)
        program, checker, report = _start(forks, kept, (code, test), seal, memory_mb)
        program.wait_confined()
        checker.wait_confined()
        received = _watch(program, checker, report, start + timeout, memory_mb, forks.template)
        outcome, detail = (
            _decide(received, seal, program, checker) if isinstance(received, bytes) else received
        )
        seconds = time.monotonic() - start
    return outcome, detail, seconds


def _start(
    forks: Forks, kept: contextlib.ExitStack, parts: tuple[int, int], seal: bytes, memory_mb: int
) -> tuple[_Process, _Process, int]:
    """The process of the program, that of the test, and the pipe with the test's report.

    Leaving `kept` ends both and closes what this process has of them.
    """
    with contextlib.ExitStack() as passed:
        code, test = parts
        passed.callback(os.close, code)
        passed.callback(os.close, test)
        ours, theirs = (
            passed.enter_context(end)
            for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        )
        pipes = [os.pipe() for _ in range(6)]
        for read, write in pipes:
            kept.callback(os.close, read)
            passed.callback(os.close, write)
        (report, report_in_test), (sealed, seal_write), *others = pipes
        os.write(seal_write, seal)
        refusals, errors = others[:2], others[2:]
        confined = forks.start(
            memory_mb,
            (theirs.fileno(), code, refusals[0][1], errors[0][1]),
            (ours.fileno(), test, report_in_test, sealed, refusals[1][1], errors[1][1]),
        )
    for process in confined:
        kept.callback(process.close)
    for process in confined:
        kept.callback(process.kill)
    program, checker = (
        _Process(process, refusal, error)
        for process, (refusal, _), (error, _) in zip(confined, refusals, errors, strict=True)
    )
    return program, checker, report


def _watch(
    program: _Process,
    checker: _Process,
    report: int,
    deadline: float,
    memory_mb: int,
    template: int,
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
                if excess := _excess(process.confined.id, memory_mb, template):
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
    if not process.confined.ended.wait(_END):
        return None
    status = process.confined.status
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


def _excess(child: int, memory_mb: int, template: int) -> tuple[str, str] | None:
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
    # What a fork shares with the template counts for neither.
    _, shared = sizes.get(template, (0, 0))
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
