"""A run that is asked to end saves a checkpoint, and goes on from it to the same bytes."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crash.conftest import Zygote, results
from tests.training.workspace import TINY, Workspace

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(not TINY.is_dir(), reason=f"{TINY} is not there"),
]
# Steps are logged, evaluated and saved at different intervals, so that a stop falls between them.
# PiSSA changes the base when training starts.
AWKWARD = {"logging_steps": 3, "eval_steps": 2, "save_steps": 4}


def awkward(root: Path) -> Workspace:
    workspace = Workspace(root)
    workspace.set(**AWKWARD)
    workspace.set(save_total_limit=2, init_weights="pissa")
    return workspace


@pytest.fixture(scope="module")
def uninterrupted(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    workspace = awkward(tmp_path_factory.mktemp("awkward") / "w")
    zygote.run(workspace)
    return results(workspace)


@pytest.mark.parametrize(
    "steps",
    [
        (1, 1, 3),
        pytest.param((2, 2), marks=pytest.mark.slow),
        pytest.param((5,), marks=pytest.mark.slow),
    ],
)
def test_stops_between_the_schedules_change_nothing(
    steps: tuple[int, ...], zygote: Zygote, uninterrupted: dict[str, Any], tmp_path: Path
) -> None:
    """Each number counts the steps of one attempt."""
    workspace, done = awkward(tmp_path / "w"), 0
    for step in steps:
        assert zygote.wait(zygote.start(workspace, f"asked in step {step}")) == 1
        done += step
        (run,) = (path for path in workspace.cache.glob("train/*") if path.is_dir())
        kept = {path.name for path in run.glob("*-[0-9]*") if path.is_dir()}
        name = f"checkpoint-{done}" if done == 4 else f"interrupted-{done}"
        assert name in kept
        assert kept <= {name, "checkpoint-4"}
    assert f"resuming after step {done}\n" in zygote.run(workspace)
    assert results(workspace) == uninterrupted


def _signalled(
    workspace: Workspace, number: signal.Signals, when: Callable[[], bool]
) -> tuple[str, str, int]:
    process = workspace.start("stages.train")
    while not when():
        assert process.poll() is None, process.communicate()[1][-4000:]
        time.sleep(0.01)
    process.send_signal(number)
    output, errors = process.communicate(timeout=120)
    return output, errors, process.returncode


def test_sigterm_ends_with_a_checkpoint_and_a_sentence_and_the_run_goes_on(
    whole: Workspace, zygote: Zygote, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "w")
    output, errors, status = _signalled(
        workspace, signal.SIGTERM, lambda: bool(list(workspace.cache.glob("train/*/training")))
    )
    assert status == 1
    assert "SIGTERM: ending with a checkpoint after this step" in output
    step = max(path.name.split("-")[1] for path in workspace.cache.glob("train/*/*-[0-9]"))
    assert errors == (
        f"error: stopped by SIGTERM; checkpoint at step {step}; run the same command to go on\n"
    )
    assert not (workspace.root / "models").exists()
    assert f"resuming after step {step}\n" in zygote.run(workspace)
    assert results(workspace) == results(whole)


def test_a_signal_before_the_first_step_ends_at_once(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    _, errors, status = _signalled(
        workspace, signal.SIGHUP, lambda: bool(list(workspace.cache.glob("train/*/swift.log")))
    )
    assert status == 1
    assert errors == "error: stopped by SIGHUP; no checkpoint yet; run the same command to go on\n"
