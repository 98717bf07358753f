"""The client side: fork servers, kept warm between calls, and the stream of verdicts."""

import atexit
import contextlib
import json
import os
import select
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import IO, Any, cast

from . import memory
from .isolation import ENVIRONMENT, REMEDY, command, scope
from .verdict import JudgeUnavailable, Outcome, Program, Verdict

_START_LIMIT = 180.0  # seconds; importing Qiskit from a cold disk takes most of it
_GRACE = 60.0  # seconds past a task's own limit after which its server counts as dead
_DETAIL = 300  # characters
# Programs that are right, whatever a program before them did, and that do nothing.
_KNOWN = Program(
    "known", "def f():\n    return 1\n", "def check(f):\n    assert f() == 1\n", "f", timeout=60.0
)
_NOTHING = "pass\n"
_WINDOW = 16  # programs read ahead per worker while an earlier one is still running


class _ServerDied(Exception):
    """The fork server ended or stopped answering."""


class _Server:
    """A fork server in its sandbox. Not thread-safe: one `judge` call uses it at a time."""

    def __init__(self, scope: list[str]) -> None:
        """Start it, in the `scope` of isolation. Raises JudgeUnavailable if that cannot be."""
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self.requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self.process = subprocess.Popen(
                command(scope),
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=self.errors,
                env={k: os.environ[k] for k in ENVIRONMENT if scope and k in os.environ},
            )
        try:
            hello = self.receive(time.monotonic() + _START_LIMIT)
        except _ServerDied:
            why = self.last_words() or "the sandbox ended before it was ready"
            self.stop()
            raise JudgeUnavailable(f"the judge's isolation failed ({why}): {REMEDY}") from None
        except BaseException:
            self.stop()
            raise
        if "ready" not in hello:
            self.stop()
            raise JudgeUnavailable(f"the judge cannot start: {hello['unavailable']}; {REMEDY}")

    def send(self, request: dict[str, Any], code: str, test: dict[str, str]) -> None:
        """Raises _ServerDied when the server is gone."""
        data = json.dumps(request).encode()
        # Surrogates, which a model may write, reach the program's process as they are.
        files = [_memory_file(code.encode("utf-8", "surrogatepass"))]
        files.append(_memory_file(json.dumps(test).encode()))
        try:
            socket.send_fds(self.requests, [struct.pack("!I", len(data))], files)
            self.requests.sendall(data)
        except OSError:
            raise _ServerDied from None
        finally:
            for file in files:
                os.close(file)

    def receive(self, deadline: float) -> dict[str, Any]:
        """The next message. Raises _ServerDied at the end of the stream or past `deadline`."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        data, size = b"", 4
        while len(data) < size:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(descriptor, size - len(data)) if ready else b""
            if not chunk:
                raise _ServerDied
            data += chunk
            if size == 4 and len(data) == 4:
                size += struct.unpack("!I", data)[0]
        message: dict[str, Any] = json.loads(data[4:])
        return message

    def last_words(self) -> str:
        """Last line on its standard error."""
        self.process.kill()
        self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def stop(self) -> None:
        """End it and every task in it."""
        self.process.kill()
        self.process.wait()
        for stream in (self.requests, self.process.stdout, self.errors):
            if stream is not None:
                stream.close()


def _memory_file(content: bytes) -> int:
    """Descriptor of an anonymous file, at its start."""
    descriptor = os.memfd_create("part")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class _Pool:
    """Idle servers of this process, reused by later calls so that one program costs no start."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.owner = os.getpid()
        self.idle: list[_Server] = []

    def take(self) -> _Server:
        """An idle server or a new one. Raises JudgeUnavailable if none can start."""
        with self.lock:
            if self.owner != os.getpid():  # a fork must not speak on its parent's pipes
                self.owner, self.idle = os.getpid(), []
            while self.idle:
                server = self.idle.pop()
                if server.process.poll() is None:
                    return server
                server.stop()
        if groups := scope():
            with contextlib.suppress(JudgeUnavailable):
                return _Server(groups)
        return _Server([])

    def give(self, server: _Server) -> None:
        with self.lock:
            self.idle.append(server)

    def close(self) -> None:
        with self.lock:
            if self.owner == os.getpid():
                while self.idle:
                    self.idle.pop().stop()


_POOL = _Pool()
atexit.register(_POOL.close)


def judge(
    programs: Iterable[Program],
    *,
    workers: int,
    timeout: float,
    memory_mb: int,
    ordered: bool = True,
) -> Iterator[Verdict]:
    """Run each program against its test in the sandbox; yield verdicts in the order of `programs`,
    or with `ordered` false each as soon as it is there.

    At most `workers` programs run at once, each for at most its own `timeout` or else this one
    (wall seconds) with `memory_mb` MiB, of program and test together, beyond what the preloaded
    packages take. `programs` is read lazily, a bounded number ahead. Outcomes do not depend on
    `workers`. While the machine is short of memory no program starts; see `memory`.

    A program whose test's process or whose sandbox failed is run once more. It is judge_error only
    if a program that is right then fails there too, or if its test cannot run with any program.

    Raises ValueError on a limit that is not positive, JudgeUnavailable (while iterating) if the
    isolation cannot be set up: nothing is ever run without it.
    """
    if workers < 1 or timeout <= 0 or memory_mb < 1:
        raise ValueError(f"limits must be positive: {workers=} {timeout=} {memory_mb=}")
    return _Stream(iter(programs), workers, timeout, memory_mb, ordered).verdicts()


@dataclass
class _Attempt:
    """A program on its way to its verdict. `stands_for`: the number of the program that this one,
    which is known, is run to tell the judge's fault from."""

    program: Program
    faults: int = 0
    alone: bool = False
    stands_for: int | None = None


class _Stream:
    """One call of `judge`: programs numbered as they are read, verdicts released by number."""

    def __init__(
        self,
        programs: Iterator[Program],
        workers: int,
        timeout: float,
        memory_mb: int,
        ordered: bool,
    ) -> None:
        self.programs, self.workers = programs, workers
        self.timeout, self.memory_mb = timeout, memory_mb
        self.ordered = ordered
        self.waiting: dict[int, _Attempt] = {}  # to be run again
        self.running: dict[int, _Attempt] = {}
        self.blamed: dict[int, Verdict] = {}  # verdicts that hold if the judge is not at fault
        self.done: dict[int, Verdict] = {}
        self.sent = self.yielded = 0
        self.exhausted = False

    def verdicts(self) -> Iterator[Verdict]:
        self.server = _POOL.take()
        try:
            while True:
                while (number := self.releasable()) is not None:
                    verdict = self.done.pop(number)
                    self.yielded += 1
                    yield verdict
                try:
                    self.fill()
                    if self.running:
                        self.collect()
                    elif self.exhausted and not self.done:
                        return
                except _ServerDied:
                    self.recover()
        finally:
            if self.running:
                self.server.stop()
            else:
                _POOL.give(self.server)

    def releasable(self) -> int | None:
        """Number of a verdict that may be yielded now, None if there is none."""
        if self.ordered:
            return self.yielded if self.yielded in self.done else None
        return next(iter(self.done), None)

    def fill(self) -> None:
        """Start as many programs as there are free workers and memory; a suspect runs alone."""
        while self.waiting and len(self.running) < self.workers:
            number, attempt = next(iter(self.waiting.items()))
            if (attempt.alone and self.running) or not self.has_memory():
                return
            self.submit(number, self.waiting.pop(number))
            if attempt.alone:
                return
        if any(attempt.alone for attempt in self.running.values()):
            return
        window = self.yielded + self.workers * _WINDOW
        while not self.exhausted and len(self.running) < self.workers and self.sent < window:
            if not self.has_memory():
                return
            program = next(self.programs, None)
            if program is None:
                self.exhausted = True
                return
            number = self.sent
            self.sent += 1
            if program.code.strip():
                self.submit(number, _Attempt(program))
            else:
                why = "the completion holds no code"
                self.done[number] = Verdict(program.task_id, "no_code", why, 0.0)

    def has_memory(self) -> bool:
        """Whether another program may start; waits until one may where none is running."""
        if not self.running:
            memory.wait(self.memory_mb)
            return True
        return memory.missing_mb(self.memory_mb) == 0

    def submit(self, number: int, attempt: _Attempt) -> None:
        program = attempt.program
        self.running[number] = attempt
        request = {
            "id": number,
            "timeout": self._timeout(program),
            "memory_mb": self.memory_mb,
        }
        test = {
            "test": program.test,
            "context": program.context,
            "entry_point": program.entry_point,
        }
        self.server.send(request, program.code, test)

    def _timeout(self, program: Program) -> float:
        return self.timeout if program.timeout is None else program.timeout

    def collect(self) -> None:
        """Wait for one reply. Raises _ServerDied."""
        longest = max(self._timeout(attempt.program) for attempt in self.running.values())
        reply = self.server.receive(time.monotonic() + longest + _GRACE)
        number = reply["id"]
        attempt = self.running.pop(number)
        outcome, detail, seconds = reply["outcome"], reply["detail"][:_DETAIL], reply["seconds"]
        bad_test = outcome == "bad_test"
        if attempt.stands_for is not None:
            is_known = attempt.program is _KNOWN
            self.decide(attempt.stands_for, outcome != "passed" if is_known else bad_test, detail)
        elif not bad_test and not reply["fault"]:
            task = attempt.program.task_id
            self.done[number] = Verdict(task, outcome, detail, round(seconds, 4))
        elif attempt.faults == 0:
            self.waiting[number] = replace(attempt, faults=1)
        else:
            self.doubt(number, attempt.program, outcome, detail, seconds)

    def doubt(
        self, number: int, program: Program, outcome: str, detail: str, seconds: float
    ) -> None:
        """It failed twice, as the judge might have: try a program that is known."""
        if outcome == "bad_test":
            outcome, detail = "forbidden", "the program had the test declared unfit to run"
            known = replace(program, code=_NOTHING)
        else:
            known = _KNOWN
        self.blamed[number] = Verdict(
            program.task_id, cast("Outcome", outcome), detail, round(seconds, 4)
        )
        self.waiting[-1 - number] = _Attempt(known, stands_for=number)

    def decide(self, number: int, judge_failed: bool, detail: str) -> None:
        """Give the program so numbered its verdict, now that the judge's part is known."""
        verdict = self.blamed.pop(number)
        if judge_failed:
            verdict = replace(verdict, outcome="judge_error", detail=detail)
        self.done[number] = verdict

    def recover(self) -> None:
        """Replace the server and run what it ran once more, each alone.

        What it ran alone has ended two. A new server serves no program before it has passed one
        that is known; see JudgeUnavailable.
        """
        self.server.stop()
        lost, self.running = self.running, {}
        self.server = _POOL.take()
        for number, attempt in lost.items():
            if attempt.alone and attempt.stands_for is None:
                task = attempt.program.task_id
                detail = "the program ended the judge's sandbox twice"
                self.done[number] = Verdict(task, "forbidden", detail, 0.0)
            else:
                self.waiting[number] = replace(attempt, alone=True)
