"""The client side: fork servers, kept warm between calls, and the stream of verdicts."""

import atexit
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
from typing import IO, Any

from .isolation import REMEDY, command
from .verdict import JudgeUnavailable, Outcome, Program, Verdict

_START_LIMIT = 180.0  # seconds; importing Qiskit from a cold disk takes most of it
_GRACE = 60.0  # seconds past a task's own limit after which its server counts as dead
_WINDOW = 16  # programs read ahead per worker while an earlier one is still running


class _ServerDied(Exception):
    """The fork server ended or stopped answering."""


class _Server:
    """A fork server in its sandbox. Not thread-safe: one `judge` call uses it at a time."""

    def __init__(self) -> None:
        """Start it. Raises JudgeUnavailable if the isolation cannot be set up."""
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self.requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self.process = subprocess.Popen(
                command(), stdin=theirs.fileno(), stdout=subprocess.PIPE, stderr=self.errors, env={}
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
        return _Server()

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
    (wall seconds) with `memory_mb` MiB beyond what the preloaded packages take. `programs` is read
    lazily, a bounded number ahead. Outcomes do not depend on `workers`. A program whose sandbox
    died is run once more, alone, on a fresh one, and then yielded as judge_error.

    Raises ValueError on a limit that is not positive, JudgeUnavailable (while iterating) if the
    isolation cannot be set up: nothing is ever run without it.
    """
    if workers < 1 or timeout <= 0 or memory_mb < 1:
        raise ValueError(f"limits must be positive: {workers=} {timeout=} {memory_mb=}")
    return _Stream(iter(programs), workers, timeout, memory_mb, ordered).verdicts()


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
        self.running: dict[int, Program] = {}
        self.suspects: dict[int, Program] = {}  # their server died; run again one at a time
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
                except _ServerDied as error:
                    self.recover(str(error) or "the sandbox died")
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
        """Start as many programs as there are free workers; a suspect runs alone."""
        if self.suspects:
            if not self.running:
                self.submit(*next(iter(self.suspects.items())))
            return
        window = self.yielded + self.workers * _WINDOW
        while not self.exhausted and len(self.running) < self.workers and self.sent < window:
            program = next(self.programs, None)
            if program is None:
                self.exhausted = True
            else:
                self.sent += 1
                if program.code.strip():
                    self.submit(self.sent - 1, program)
                else:
                    why = "the completion holds no code"
                    self.done[self.sent - 1] = Verdict(program.task_id, "no_code", why, 0.0)

    def submit(self, number: int, program: Program) -> None:
        self.running[number] = program
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
        """Wait for one reply. Raises _ServerDied if the infrastructure failed."""
        longest = max(map(self._timeout, self.running.values()))
        reply = self.server.receive(time.monotonic() + longest + _GRACE)
        if reply["outcome"] == "judge_error":
            raise _ServerDied(reply["detail"])
        number = reply["id"]
        program = self.running.pop(number)
        self.suspects.pop(number, None)
        # A test that cannot be run is ours to mend, but a second run would not help it.
        outcome: Outcome = "judge_error" if reply["outcome"] == "bad_test" else reply["outcome"]
        self.done[number] = Verdict(program.task_id, outcome, reply["detail"], reply["seconds"])

    def recover(self, why: str) -> None:
        """Replace the server; what it was running runs once more, or has failed twice."""
        self.server.stop()
        for number, program in self.running.items():
            if number in self.suspects:
                del self.suspects[number]
                self.done[number] = Verdict(program.task_id, "judge_error", why, 0.0)
            else:
                self.suspects[number] = program
        self.running.clear()
        self.server = _POOL.take()
