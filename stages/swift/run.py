"""ms-swift's commands as child processes that never outlive the stage."""

import ast
import ctypes
import os
import re
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import IO, Literal

from stages.runtime import StageError

_GRACE = 15.0  # seconds between asking a child to stop and killing it
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PROGRESS = re.compile(r"\d+%\||(?:it/s|s/it)\]")
_LOGGED = re.compile(r"\{'(?:loss|eval_loss)':")
_OBSERVED = "adapters: "  # stages/swift/plugin/observer.py
_SHOWN = ("loss", "token_acc", "eval_loss", "eval_token_acc", "learning_rate")
_EXCEPTION = re.compile(r"^[\w.]*(?:Error|Exception|Exit|Interrupt)\b.*|.*\berror: .*")
_PR_SET_PDEATHSIG = 1


def run_swift(
    command: Literal["sft", "export"], arguments: Sequence[str], log: Path, lock: int
) -> int:
    """Run `swift <command>` and return the peak resident memory of its processes in bytes.

    Progress bars and logged losses are passed on to stdout; everything goes to `log`, appended.
    The module that the `swift` wrapper would start is started directly: a signal to the wrapper
    leaves its child running. The child holds `lock` too, and dies with this process.

    Raises StageError with swift's last error and the log's path, also when a signal ended it.
    """
    module = find_spec(f"swift.cli.{command}")
    assert module is not None
    assert module.origin is not None
    with log.open("ab") as sink, _stoppable() as stop:
        process = subprocess.Popen(
            [sys.executable, module.origin, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            pass_fds=(lock,),
            preexec_fn=_die_with_parent,  # noqa: PLW1509 (no thread runs yet)
        )
        _stream(process, sink, stop)
        status = process.wait()
    if stop:
        name = signal.Signals(stop[0]).name
        raise StageError(f"swift {command} was stopped by {name}; run the same command to go on")
    if status != 0:
        raise StageError(f"swift {command} failed: {_last_error(log)} (log: {log})")
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def _stoppable() -> Iterator[list[int]]:
    """A list that receives the signals sent to this process while the block runs."""
    received: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)

    previous = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _stream(process: subprocess.Popen[bytes], sink: IO[bytes], stop: list[int]) -> None:
    """Copy the child's output to `sink` and what tells progress to stdout, until it ends."""
    assert process.stdout is not None
    source, pending = process.stdout.fileno(), b""
    kill_at = float("inf")
    while True:
        if stop and kill_at == float("inf"):
            kill_at = time.monotonic() + _GRACE
            _signal_group(process.pid, signal.SIGTERM)
        if time.monotonic() > kill_at:
            _signal_group(process.pid, signal.SIGKILL)
        if not select.select([source], [], [], 0.2)[0]:
            continue
        chunk = os.read(source, 65536)
        if not chunk:
            return
        sink.write(chunk)
        sink.flush()
        *lines, pending = re.split(rb"(?<=[\r\n])", pending + chunk)
        for line in lines:
            _show(line.decode("utf-8", "replace"))


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _show(line: str) -> None:
    if match := _LOGGED.search(line):
        print(_summary(line[match.start() :].strip()), flush=True)
    elif line.startswith(_OBSERVED) or (sys.stdout.isatty() and _PROGRESS.search(line)):
        print(line, end="", flush=True)


def _summary(logged: str) -> str:
    """`step 40/180  eval_loss 0.7282  eval_token_acc 0.81  3m left` of what swift printed."""
    try:
        values = ast.literal_eval(logged)
    except (SyntaxError, ValueError):
        return logged
    figures = [f"{name} {float(values[name]):.4g}" for name in _SHOWN if name in values]
    step, left = values.get("global_step/max_steps", "?"), values.get("remaining_time", "?")
    return "  ".join([f"step {step}", *figures, f"{left} left"])


def _last_error(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace").replace("\r", "\n")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    plain = [line for line in lines if not _PROGRESS.search(line)]
    errors = [line for line in plain if _EXCEPTION.match(line)]
    return (errors or plain or ["it printed nothing"])[-1][:500]
