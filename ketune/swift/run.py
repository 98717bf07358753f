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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import IO, Literal

from ketune.runtime import StageError
from ketune.swift.checkpoints import STOP, TRAINING
from ketune.swift.failures import (
    PROGRESS,
    explain_failure,
    explain_stop,
    is_full,
    out_of_memory_kills,
    root_cause,
)

_GRACE = 15.0  # seconds between asking a child that saves nothing to stop and killing it
_PATIENCE = 1800.0  # the same where it finishes a step, an evaluation that is due, and a checkpoint
_REMINDER = 30.0  # seconds between two notices that the run waits
_DOUBLE = 1.0  # seconds within which signals count as one: a terminal may send it twice
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOGGED = re.compile(r"\{'(?:loss|eval_loss)':")
_OBSERVED = "adapters: "  # ketune/training/plugins/observer.py
_SHOWN = ("loss", "token_acc", "eval_loss", "eval_token_acc", "learning_rate")
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}
_PR_SET_PDEATHSIG = 1


def run_swift(
    command: Literal["sft", "export"],
    arguments: Sequence[str],
    log: Path,
    *locks: int,
    launcher: Sequence[str] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
) -> int:
    """Run `swift <command>` and return the peak resident memory of its processes in bytes.

    Progress bars and logged losses are passed on to stdout; everything goes to `log`, appended.
    The module that the `swift` wrapper would start is started directly: a signal to the wrapper
    leaves its child running. The child holds `locks` too, and dies with this process. `launcher`
    goes before the module when several processes train (ketune/training/processes.py).

    A training that has done a step ends at SIGINT, SIGTERM or SIGHUP with a checkpoint, at a second
    SIGINT at once; its session is its own, so that a terminal's Ctrl-C reaches it only from here.

    Raises StageError with the cause, what to change and the log, also when a signal ended it.
    """
    module = find_spec(f"swift.cli.{command}")
    assert module is not None
    assert module.origin is not None
    kills = out_of_memory_kills()
    with _stoppable() as received, log.open("ab", buffering=0) as sink:
        start = sink.tell()
        process = subprocess.Popen(
            [sys.executable, *launcher, module.origin, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={
                **_caches(log.parent),
                **os.environ,
                **_ENVIRONMENT,
                **_import_path(),
                **environment,
            },
            start_new_session=True,
            pass_fds=locks,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 (no thread runs yet)
        )
        directory = _run_directory(arguments, log)
        try:
            _stream(process, sink, _Stop(process.pid, directory, received))
        except OSError as error:
            _signal_group(process.pid, signal.SIGKILL)
            if not is_full(error):
                raise
            raise StageError(explain_failure(command, 1, str(error), log, 0)) from None
        status = process.wait()
    if received:
        raise StageError(explain_stop(command, received[0][0], directory))
    if status != 0:
        text = log.read_bytes()[start:].decode("utf-8", "replace")
        kills = out_of_memory_kills() - kills
        raise StageError(explain_failure(command, status, root_cause(text), log, kills))
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _import_path() -> dict[str, str]:
    """PYTHONPATH of the child: our plugins import ketune, which ms-swift's scripts do not find."""
    path = [str(Path.cwd()), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path)}


def _caches(directory: Path) -> dict[str, str]:
    """ms-swift keeps a copy of every dataset it reads: it goes with the run, and needs no home."""
    return {"MODELSCOPE_CACHE": str(directory.absolute() / "modelscope")}


def _run_directory(arguments: Sequence[str], log: Path) -> Path:
    """Where the checkpoints are: the log of a node that is not the first lies elsewhere."""
    if "--output_dir" not in arguments:
        return log.parent
    return Path(arguments[arguments.index("--output_dir") + 1])


@contextmanager
def _stoppable() -> Iterator[list[tuple[int, float]]]:
    """A list that receives the signals sent to this process while the block runs, and when."""
    received: list[tuple[int, float]] = []

    def note(number: int, _: FrameType | None) -> None:
        received.append((number, time.monotonic()))

    previous = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@dataclass
class _Stop:
    """The end of process group `pid`, asked for by the signals in `received`."""

    pid: int
    directory: Path
    received: list[tuple[int, float]]
    kill_at: float | None = None
    reminder_at: float = float("inf")

    def proceed(self) -> None:
        """Ask, wait, remind, kill: whatever is due now."""
        if not self.received:
            return
        first, start = self.received[0]
        now = time.monotonic()
        if self.kill_at is None:
            self._ask(signal.Signals(first).name, now)
        impatient = any(
            number == signal.SIGINT and at > start + _DOUBLE for number, at in self.received
        )
        if impatient or (self.kill_at is not None and now > self.kill_at):
            _signal_group(self.pid, signal.SIGKILL)
        elif now > self.reminder_at:
            print(f"still waiting for the checkpoint ({now - start:.0f} s)", flush=True)
            self.reminder_at = now + _REMINDER

    def _ask(self, name: str, now: float) -> None:
        if (self.directory / TRAINING).exists():
            (self.directory / STOP).touch()
            print(
                f"{name}: ending with a checkpoint after this step; Ctrl-C again ends at once, and "
                "loses the steps since the last one",
                flush=True,
            )
            self.kill_at, self.reminder_at = now + _PATIENCE, now + _REMINDER
        else:
            self.kill_at = now + _GRACE
            _signal_group(self.pid, signal.SIGTERM)


def _stream(process: subprocess.Popen[bytes], sink: IO[bytes], stop: _Stop) -> None:
    """Copy the child's output to `sink` and what tells progress to stdout, until it ends."""
    assert process.stdout is not None
    source, pending = process.stdout.fileno(), b""
    while True:
        stop.proceed()
        if not select.select([source], [], [], 0.2)[0]:
            continue
        chunk = os.read(source, 65536)
        if not chunk:
            return
        sink.write(chunk)
        *lines, pending = re.split(rb"(?<=[\r\n])", pending + chunk)
        for line in lines:
            _show(line.decode("utf-8", "replace"))


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def _show(line: str) -> None:
    if match := _LOGGED.search(line):
        print(_summary(line[match.start() :].strip()), flush=True)
    elif line.startswith(_OBSERVED) or (sys.stdout.isatty() and PROGRESS.search(line)):
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
