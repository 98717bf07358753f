"""kill -9 at every delicate moment: the same command goes on to the same bytes."""

import signal
from pathlib import Path

import pytest

from tests.crash.conftest import Zygote, results
from tests.training.workspace import TINY, Workspace

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(not TINY.is_dir(), reason=f"{TINY} is not there"),
]

RESUMES_AFTER = {
    "before the first step": None,
    "in the first evaluation": None,
    "in step 4": 2,
    "in the third evaluation": 2,
    "writing the optimiser": 2,
    "writing the trainer's state": 2,
    "before the seal": 2,
    "writing the seal": 2,
    "before the first checkpoint is whole": None,
    "publishing the adapter": 6,
    "between adapter and metrics": 6,
    "between metrics and curves": 6,
    "removing what is done": None,
}


# The others take a minute of CPU time: make crash.
ALWAYS = {
    "in step 4",
    "writing the optimiser",
    "before the seal",
    "publishing the adapter",
    "between adapter and metrics",
    "removing what is done",
}


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(moment, marks=[] if moment in ALWAYS else pytest.mark.slow)
        for moment in RESUMES_AFTER
    ],
)
def test_a_run_killed_anywhere_ends_as_if_it_had_not_been(
    moment: str, zygote: Zygote, whole: Workspace, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "w")
    if moment == "publishing the adapter":
        (workspace.root / "models/adapter").mkdir(parents=True)
    assert zygote.wait(zygote.start(workspace, moment)) == -signal.SIGKILL
    said = zygote.run(workspace)
    step = RESUMES_AFTER[moment]
    if step is not None and step < 6:
        assert f"resuming after step {step}\n" in said
    else:
        assert "resuming" not in said
    assert results(workspace) == results(whole)
    left = [path.name for path in workspace.cache.rglob("*") if path.is_file()]
    assert left == ["peaks.json"]  # the rate of this device, for every run
