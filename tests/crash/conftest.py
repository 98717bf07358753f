"""Training stages that are killed: forked from one process that imported ms-swift."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import ROOT
from tests.training.workspace import Workspace


@dataclass
class Zygote:
    """tests/crash/zygote.py and the statuses of the stages that it has forked."""

    process: subprocess.Popen[str]
    ended: dict[int, int] = field(default_factory=dict)

    def start(self, workspace: Workspace, moment: str | None = None, **environment: str) -> int:
        """Start `train` in a workspace, to die at a moment of zygote.MOMENTS. Returns its pid."""
        request = {
            "directory": str(workspace.root),
            "environment": {"KETUNE_CACHE": str(workspace.cache)} | environment,
            "moment": moment,
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        while "status" in (answer := self._read()):
            self.ended[answer["pid"]] = answer["status"]
        return int(answer["pid"])

    def wait(self, pid: int) -> int:
        """The exit status of a stage, negative for a signal's number."""
        while pid not in self.ended:
            answer = self._read()
            self.ended[answer["pid"]] = answer["status"]
        return os.waitstatus_to_exitcode(self.ended.pop(pid))

    def run(self, workspace: Workspace, **environment: str) -> str:
        """Run `train` to its end and return what it said."""
        log = workspace.root / "stage.log"
        start = log.stat().st_size if log.exists() else 0
        status = self.wait(self.start(workspace, **environment))
        said = log.read_bytes()[start:].decode()
        assert status == 0, said
        return said

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the zygote ended"
        return dict(json.loads(line))


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    environment = os.environ | {
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "KETUNE_CACHE": str(tmp_path_factory.mktemp("cache")),
    }
    with (tmp_path_factory.mktemp("zygote") / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.zygote"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        yield Zygote(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


@pytest.fixture(scope="session")
def whole(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose training was never interrupted."""
    workspace = Workspace(tmp_path_factory.mktemp("whole"))
    zygote.run(workspace)
    return workspace


def results(workspace: Workspace) -> dict[str, Any]:
    """What must not depend on interruptions: files by content, metrics but for durations.

    `work` is what was computed, in training and evaluation: a resumed run goes on counting.
    """
    root = workspace.root
    metrics = workspace.json("models/adapter.record.json")
    timed = ("runtime", "second", "_per_", "_gib", "compute", "provenance")
    rates = {"achieved_tflops", "measured_peak_tflops", "mfu", "hfu"}
    assert metrics["compute"].keys() > rates
    return {
        "work": {name: value for name, value in metrics["compute"].items() if name not in rates},
        "adapter": workspace.digests("models/adapter"),
        "curves": [Path(path).read_text() for path in sorted(root.glob("metrics/curve_*.csv"))],
        "metrics": {
            name: value
            for name, value in metrics.items()
            if not any(part in name for part in timed)
        },
    }
