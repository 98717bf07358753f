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
from dataclasses import dataclass, replace

from ketune.judge.inside import confine
from ketune.judge.inside.forks import Confined, Forks
from ketune.judge.inside.groups import new_group
from ketune.judge.inside.usage import Meter, Processes

# Seconds between two looks at the task's processes; a look that takes long is rarer.
_WATCH, _MAX_WATCH, _LOOK_SHARE = 0.02, 0.1, 10
_MAX_PROCESSES, _MAX_THREADS = 32, 256
_MAX_REPORT, _STDERR_TAIL, _PIPE = 4096, 4096, 1 << 16
_END = 2.0  # seconds for a process that has closed its channel to end
# What libraries print when an allocation fails in native code, before they abort.
_OUT_OF_MEMORY = re.compile(r"memory allocation of \d+ bytes failed|bad_alloc|MemoryError")


@dataclass(frozen=True)
class Result:
    """What became of a task. `outcome` is "bad_test" for a test that cannot run. `fault`: the
    test's process did not end as it ought to; `outcome` holds if that was the program's doing."""

    outcome: str
    detail: str
    seconds: float = 0.0
    fault: bool = False


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

    def drain(self) -> None:
        """Read what a pipe holds of what it wrote."""
        with contextlib.suppress(BlockingIOError):
            self.tail = (self.tail + os.read(self.errors, _PIPE))[-_STDERR_TAIL:]


def run_task(
    forks: Forks, others: Processes, files: tuple[int, int], timeout: float, memory_mb: int
) -> Result:
    """Run a program against its test, each in one of `files` (descriptors), confined.

    Closes both files. Raises OSError when the processes cannot be made or confined.
    """
    start = time.monotonic()
    with contextlib.ExitStack() as kept:
        seal = os.urandom(16)
        program, checker, report = _start(forks, kept, files, seal, memory_mb)
        program.wait_confined()
        checker.wait_confined()
        roots = [process.confined.id for process in (program, checker)]
        meter = Meter(others, forks.template, roots, memory_mb * confine.MEBIBYTE)
        received = _watch(program, checker, report, start + timeout, meter)
        result = (
            _decide(received, seal, program, checker) if isinstance(received, bytes) else received
        )
        seconds = time.monotonic() - start
    return replace(result, seconds=seconds)


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
        group = kept.enter_context(new_group(memory_mb))
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
            (theirs.fileno(), code, group, refusals[0][1], errors[0][1]),
            (ours.fileno(), test, report_in_test, sealed, group, refusals[1][1], errors[1][1]),
        )
    for error, _ in errors:
        os.set_blocking(error, False)
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
    meter: Meter,
) -> bytes | Result:
    """What the test's process reported until it closed, or the verdict of a broken limit."""
    poll = select.poll()
    poll.register(report, select.POLLIN)
    processes = program, checker
    received = b""
    next_look = time.monotonic() + _WATCH
    while True:
        now = time.monotonic()
        if now >= deadline:
            return Result("timeout", "")
        if now >= next_look:
            # A program that writes without end is read at the pace of the looks.
            for process in processes:
                process.drain()
            if excess := _excess(meter):
                return excess
            took = time.monotonic() - now
            next_look = now + took + min(max(_WATCH, _LOOK_SHARE * took), _MAX_WATCH)
        wait = max(0.0, min(deadline, next_look) - time.monotonic())
        if poll.poll(math.ceil(wait * 1000)):
            chunk = os.read(report, _MAX_REPORT)
            received += chunk
            if not chunk:
                return received
            if len(received) > _MAX_REPORT:
                return Result("forbidden", "the program had the judge's report written")


def _decide(received: bytes, seal: bytes, program: _Process, checker: _Process) -> Result:
    """The verdict, once the test's process has closed its report."""
    if not received:
        hangs = Result("runtime_error", "the test closed its report and went on", fault=True)
        return _explain_end(checker, "the test's process ") or hangs
    if not received.startswith(seal):
        return Result("forbidden", "the program had the judge's report written")
    try:
        outcome, detail = json.loads(received.removeprefix(seal))
    except (ValueError, TypeError):
        return Result("forbidden", "the program had the judge's report written")
    if outcome != "ended":
        return Result(str(outcome), str(detail))
    closed = Result("forbidden", "the program closed the judge's channel")
    return _explain_end(program) or closed


def _explain_end(process: _Process, whose: str = "") -> Result | None:
    """Verdict on a process that died unasked, None if it lives on. `whose`: of the test's, which
    has no reason to."""
    if not process.confined.ended.wait(_END):
        return None
    process.drain()
    errors = process.tail.decode("utf-8", "replace")
    fault = bool(whose)
    if _OUT_OF_MEMORY.search(errors):
        return Result("out_of_memory", "an allocation failed in native code", fault=fault)
    status = process.confined.status
    if os.WIFEXITED(status):
        detail = f"{whose}exited with status {os.WEXITSTATUS(status)} before the test had finished"
        return Result("runtime_error", detail, fault=fault)
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL:
        return Result("out_of_memory", f"{whose}killed by the system", fault=fault)
    return Result("runtime_error", f"{whose}ended by {signal.Signals(number).name}", fault=fault)


def _excess(meter: Meter) -> Result | None:
    """The verdict on a task whose processes together are too many or too large, else None.

    The limits of `confine` hold per process; a program may start several.
    """
    members, threads = meter.members()
    if len(members) > _MAX_PROCESSES or threads > _MAX_THREADS:
        detail = f"more than {_MAX_PROCESSES} processes or {_MAX_THREADS} threads"
        return Result("forbidden", detail)
    if meter.memory(members) > meter.limit:
        detail = f"the program and its test together use more than {meter.limit >> 20} MiB"
        return Result("out_of_memory", detail)
    return None
