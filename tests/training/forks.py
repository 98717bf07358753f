"""Stages in forks of one process that has imported ms-swift: seconds a configuration, not twelve.

`python -m tests.training.forks` reads a line of JSON a job (a directory and the names of functions
to call there), and answers with the exit status of the fork that ran them.
"""

import gc
import importlib
import json
import os
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ketune.params import flatten
from ketune.studies.definition import Run
from tests.training.conftest import ROOT
from tests.training.workspace import Workspace

TRAIN, MERGE = "tests.training.forks:train", "tests.training.forks:merge"
_ROWS = {"train": 8, "validation": 4}


class Forks:
    """The process, while a `with` block lasts."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.training.forks"],
            cwd=ROOT,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, workspace: Workspace, *functions: str) -> str:
        """Call the functions (MODULE:NAME) in a fork, in the workspace; what they printed.

        Raises AssertionError with that when one of them raises.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"root": str(workspace.root), "functions": functions}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        output = (workspace.root / "fork.log").read_text(errors="replace")
        assert status == 0, output[-4000:]
        return output


def small_workspace(root: Path) -> Workspace:
    """A workspace whose training has two steps an epoch."""
    workspace = Workspace(root)
    for split, rows in _ROWS.items():
        path = root / f"data/prepared/{split}.jsonl"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:rows]))
    return workspace


def lengthen(workspace: Workspace, split: str) -> None:
    """Make the split's answers one to five times as long, in turn."""
    path = workspace.root / f"data/prepared/{split}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["messages"][1]["content"] *= 1 + number % 5
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def copy_workspace(workspace: Workspace, root: Path) -> Workspace:
    """The same files elsewhere, with what its stages made."""
    shutil.copytree(workspace.root, root, symlinks=True)
    copy = object.__new__(Workspace)
    copy.root, copy.cache = root, root / "cache"
    return copy


def apply(workspace: Workspace, run: Run) -> None:
    """Change the workspace's params.yaml as an experiment of the run would, at profile smoke."""
    workspace.set(**flatten(run.params))


def train() -> None:
    """The train stage, `swift sft` in this process."""
    from stages import train as stage  # noqa: PLC0415

    setattr(stage, "run_swift", _in_process)  # noqa: B010 (imported there, not exported)
    stage.main()


def merge() -> None:
    """The merge stage, `swift export` in this process."""
    from stages import merge as stage  # noqa: PLC0415

    setattr(stage, "run_swift", _in_process)  # noqa: B010
    stage.main()


def _in_process(command: str, arguments: list[str], *_: Any, **__: Any) -> int:
    if command == "sft":
        from swift.pipelines.train.sft import sft_main as main  # noqa: PLC0415
    else:
        from swift.pipelines.export.export import export_main as main  # noqa: PLC0415
    main(list(arguments))
    return 2**30


def _serve() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    import swift.pipelines.export.export  # noqa: PLC0415
    import swift.pipelines.train.sft  # noqa: F401, PLC0415

    # ms-swift collects garbage after every load and evaluation: keep it off what is inherited.
    gc.freeze()
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_run(Path(job["root"]), job["functions"]))
        answers.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        answers.flush()


def _run(root: Path, functions: list[str]) -> int:
    descriptor = os.open(root / "fork.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.chdir(root)
    os.environ["KETUNE_CACHE"] = str(root / "cache")
    try:
        for name in functions:
            module, function = name.split(":")
            getattr(importlib.import_module(module), function)()
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    _serve()
