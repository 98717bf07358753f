"""A process that has imported ms-swift once and forks a `train` stage for each request.

A request is a line of JSON: a directory, environment variables, and a moment at which the stage and
its training kill themselves (`MOMENTS`); the answer is the pid, and later its exit status.
"""

import atexit
import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from swift.pipelines import sft_main

from ketune import runtime
from ketune.runtime import stage_main
from ketune.swift import checkpoints
from stages import train


def main() -> None:
    children: set[int] = set()
    while True:
        if select.select([sys.stdin], [], [], 0.05)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            request = json.loads(line)
            pid = os.fork()
            if pid == 0:
                _stage(request["directory"], request["environment"], request["moment"])
            children.add(pid)
            print(json.dumps({"pid": pid}), flush=True)
        for pid in list(children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                children.remove(pid)
                print(json.dumps({"pid": pid, "status": status}), flush=True)


def _stage(directory: str, environment: dict[str, str], moment: str | None) -> None:
    """`python -m stages.train` in `directory`, with a fork in the place of the swift process."""
    os.chdir(directory)
    os.environ.update(environment)
    with Path("stage.log").open("a") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    if moment is not None:
        MOMENTS[moment]()
    setattr(train, "run_swift", _fork_swift)  # noqa: B010 (imported there, not exported)
    code = 0
    try:
        stage_main(train.main)
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _fork_swift(
    command: str,
    arguments: list[str],
    log: Path,
    *locks: int,
    launcher: list[str],
    environment: dict[str, str],
) -> int:
    del command, locks, launcher
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        os.environ.update(environment)
        with log.open("ab") as sink:
            for stream in (1, 2):
                os.dup2(sink.fileno(), stream)
        code = 1
        with contextlib.suppress(SystemExit):
            try:
                sft_main(arguments)
                code = 0
            except BaseException:
                traceback.print_exc()
        atexit._run_exitfuncs()  # a tracker ends its record there
        sys.stderr.flush()
        os._exit(code)
    if status := os.waitpid(pid, 0)[1]:
        raise runtime.StageError(f"training ended with status {status}")
    return 0


def _die() -> None:
    """Kill the process and the stage that it belongs to, as kill -9 and the kernel would."""
    parent = os.getppid()
    if parent != ZYGOTE:
        os.kill(parent, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _at_call(owner: Any, name: str, number: int, before: Callable[..., None] | None = None) -> None:
    """Die in the `number`th call of `owner.name`, after `before` got its arguments."""
    original, calls = getattr(owner, name), 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            if before is not None:
                before(*args, **kwargs)
            _die()
        return original(*args, **kwargs)

    setattr(owner, name, counted)


def _ask_at(number: int) -> None:
    """Ask for a checkpoint and the end in the `number`th step."""
    original, calls = TRAINER.training_step, 0

    def counted(trainer: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            (Path(trainer.args.output_dir) / checkpoints.STOP).touch()
        return original(trainer, *args, **kwargs)

    setattr(TRAINER, "training_step", counted)  # noqa: B010 (a class of an untyped library)


def _half_a_file(_: Any, path: Any) -> None:
    Path(path).write_bytes(b"half")


def _half_a_seal(directory: Path) -> None:
    (directory / f".{checkpoints.SEAL}").write_text('{"adapter_model')


def _half_a_directory(path: Path, **_: Any) -> None:
    for file in sorted(path.rglob("*"))[::2]:
        if file.is_file():
            file.unlink()


TRAINER = transformers.Trainer
# A run of 6 steps that saves and evaluates every 2, and before the first.
MOMENTS: dict[str, Callable[[], None]] = {
    "before the first step": lambda: _at_call(TRAINER, "training_step", 1),
    "in the first evaluation": lambda: _at_call(TRAINER, "prediction_step", 1),
    "in step 4": lambda: _at_call(TRAINER, "training_step", 4),
    "in the third evaluation": lambda: _at_call(TRAINER, "prediction_step", 3),
    # Arguments, optimiser, scheduler and rng of checkpoint 2 come first, and arguments of 4.
    "writing the optimiser": lambda: _at_call(torch, "save", 6, _half_a_file),
    "writing the trainer's state": lambda: _at_call(
        transformers.TrainerState, "save_to_json", 2, _half_a_file
    ),
    "before the seal": lambda: _at_call(checkpoints, "seal", 2),
    "writing the seal": lambda: _at_call(checkpoints, "seal", 2, _half_a_seal),
    "before the first checkpoint is whole": lambda: _at_call(checkpoints, "seal", 1),
    # With an adapter there: it has been moved aside, and the new one not yet in its place.
    "publishing the adapter": lambda: _at_call(Path, "rename", 2),
    "between adapter and metrics": lambda: _at_call(train, "write_json", 1),
    "between metrics and curves": lambda: _at_call(train, "write_curve", 2),
    "removing what is done": lambda: _at_call(shutil, "rmtree", 7, _half_a_directory),
}
MOMENTS |= {f"asked in step {step}": partial(_ask_at, step) for step in range(1, 7)}
ZYGOTE = os.getpid()

if __name__ == "__main__":
    main()
