"""Watches one confined process from outside its namespaces and decides the outcome."""

import ast
import contextlib
import json
import math
import os
import re
import secrets
import select
import signal
import struct
import time
from collections.abc import Callable
from types import CodeType
from typing import Any

from stages.judge.inside import confine, runner

_NONCE = 32
_WATCH = 0.1  # seconds between two looks at the task's processes
_MAX_PROCESSES, _MAX_THREADS = 32, 256
_MAX_REPORT, _STDERR_TAIL = 4096, 4096
_PAGE = os.sysconf("SC_PAGE_SIZE")
# What libraries print when an allocation fails in native code, before they abort.
_OUT_OF_MEMORY = re.compile(r"memory allocation of \d+ bytes failed|bad_alloc|MemoryError")

Result = tuple[str, str, float]


def run_task(request: dict[str, Any]) -> Result:
    """Run one program confined; return (outcome, detail, seconds).

    Changes this process's namespaces for good: call it in a process of its own, once. Raises
    OSError when the namespaces cannot be made.
    """
    if not request["code"].strip():
        return "no_code", "the completion holds no code", 0.0
    try:
        calls, test = _compile_test(request["test"])
    except (SyntaxError, ValueError) as error:
        return "bad_test", f"the test does not compile: {error.args[0]}", 0.0
    if not calls:
        return "bad_test", "the test defines neither check(candidate) nor test_*", 0.0
    task = runner.Task(request["code"], test, calls, request["entry_point"])
    return _supervise(task, request["timeout"], request["memory_mb"])


def _compile_test(test: str) -> tuple[tuple[tuple[str, bool], ...], CodeType]:
    """The functions of `test` to call, `check` and every `test_*`, and its code.

    With each name goes whether it takes the candidate: `check` does, `test_*` by a parameter so
    named.

    A test that already ends in `check(...)`, as Qiskit HumanEval Hard's do, is not run twice.
    """
    tree = ast.parse(test)
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    calls = {
        node.name: node.name == "check" or "candidate" in {a.arg for a in node.args.args}
        for node in tree.body
        if isinstance(node, functions) and (node.name == "check" or node.name.startswith("test_"))
    }
    tree.body = [node for node in tree.body if not _calls_check(node)]
    return tuple(calls.items()), compile(tree, runner.TEST, "exec", dont_inherit=True)


def _calls_check(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="check"), args=[ast.Name()], keywords=[])):
            return True
    return False


def _supervise(task: runner.Task, timeout: float, memory_mb: int) -> Result:
    nonce = secrets.token_bytes(_NONCE)
    report, report_in_task = os.pipe()
    errors, errors_in_task = os.pipe()
    confine.new_namespaces()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        _become_task(task, nonce, report_in_task, errors_in_task, memory_mb)
    os.close(report_in_task)
    os.close(errors_in_task)
    outcome, detail = _watch(
        child,
        report=report,
        errors=errors,
        nonce=nonce,
        deadline=start + timeout,
        memory_mb=memory_mb,
    )
    seconds = time.monotonic() - start
    if outcome != "ended":
        # Every process of its namespace dies with process 1, before waitpid returns.
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if outcome == "ended":
        outcome, detail = _explain_end(status, detail)
    return outcome, detail, seconds


def _become_task(task: runner.Task, nonce: bytes, report: int, errors: int, memory_mb: int) -> None:
    """Confine this process and run the task in it. Never returns."""

    def send(message: bytes, write: Callable[[int, bytes], int] = os.write) -> None:
        write(report, nonce + struct.pack("!I", len(message)) + message)

    try:
        os.setsid()
        os.dup2(errors, 2)
        confine.limit(memory_mb, (report,))
        confine.mount_private()
        runner.prepare_process()
        confine.drop_privileges()
    except BaseException as error:
        send(json.dumps(["judge_error", f"confinement failed: {error}"]).encode())
        os._exit(1)
    runner.run(task, send)


def _watch(
    child: int, *, report: int, errors: int, nonce: bytes, deadline: float, memory_mb: int
) -> tuple[str, str]:
    """Wait for a report, the end of the task or a broken limit.

    Returns (outcome, detail), or ("ended", tail of its standard error) if it died unreported.
    """
    poll = select.poll()
    poll.register(report, select.POLLIN)
    poll.register(errors, select.POLLIN)
    received, tail = b"", b""
    next_look = time.monotonic() + _WATCH
    while True:
        now = time.monotonic()
        if now >= deadline:
            return "timeout", ""
        if now >= next_look:
            next_look = now + _WATCH
            if excess := _excess(child, memory_mb):
                return excess
        wait = max(0.0, min(deadline, next_look) - now)
        events = {descriptor for descriptor, _ in poll.poll(math.ceil(wait * 1000))}
        if errors in events:
            chunk = os.read(errors, 1 << 16)
            tail = (tail + chunk)[-_STDERR_TAIL:]
            if not chunk:
                poll.unregister(errors)
        if report in events:
            chunk = os.read(report, _MAX_REPORT)
            if not chunk:
                return _after_close(child, errors, tail)
            received += chunk
            if (verdict := _parse(received, nonce)) is not None:
                return verdict


def _parse(received: bytes, nonce: bytes) -> tuple[str, str] | None:
    """The verdict in a report, None while it is incomplete; bytes of another author are refused."""
    size = len(nonce) + 4
    if not nonce.startswith(received[: len(nonce)]):
        return "forbidden", "the program wrote to the judge's channel"
    if len(received) < size:
        return None
    (length,) = struct.unpack("!I", received[len(nonce) : size])
    if len(received) < size + length:
        return None
    outcome, detail = json.loads(received[size : size + length])
    return outcome, detail


def _after_close(child: int, errors: int, tail: bytes) -> tuple[str, str]:
    """The task's channel closed: it is ending, or it closed the channel and goes on."""
    handle = os.pidfd_open(child)
    try:
        if select.select([handle], [], [], 5.0)[0]:
            os.set_blocking(errors, False)
            with contextlib.suppress(BlockingIOError):
                while chunk := os.read(errors, 1 << 16):
                    tail = (tail + chunk)[-_STDERR_TAIL:]
            return "ended", tail.decode("utf-8", "replace")
    finally:
        os.close(handle)
    return "forbidden", "the program closed the judge's channel"


def _explain_end(status: int, errors: str) -> tuple[str, str]:
    """Outcome of a task that died without a report."""
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
