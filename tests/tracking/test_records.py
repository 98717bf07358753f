"""Records of real training runs, read back with the trackers' own readers."""

import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)
from wandb.proto import wandb_internal_pb2
from wandb.sdk.internal.datastore import DataStore

from tests.crash.conftest import Zygote, results
from tests.tracking.secrets import TOKENS, assert_no_secret
from tests.training.workspace import TINY, Workspace

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(not TINY.is_dir(), reason=f"{TINY} is not there"),
]
EXPERIMENT = {
    "DVC_EXP_NAME": "rank-and-file",
    "DVC_EXP_BASELINE_REV": "b" * 40,
    "WANDB_MODE": "offline",
}


def tracked(root: Path, tracker: str) -> Workspace:
    workspace = Workspace(root)
    workspace.set(report_to=tracker)
    return workspace


def evaluations(workspace: Workspace) -> dict[int, float]:
    """eval_loss by step, from the stage's own curve."""
    lines = (workspace.root / "metrics/curve_eval.csv").read_text().splitlines()[1:]
    return {int(line.split(",")[0]): float(line.split(",")[2]) for line in lines}


def read_wandb(directory: Path) -> list[dict[str, Any]]:
    """Runs of a record: name, id, tags, config and the history's rows."""
    runs = []
    for path in sorted(directory.glob("wandb/offline-run-*/*.wandb")):
        store: Any = DataStore()
        store.open_for_scan(str(path))
        run: dict[str, Any] = {"config": {}, "history": []}
        while (data := store.scan_data()) is not None:
            record: Any = wandb_internal_pb2.Record()  # type: ignore[attr-defined]
            record.ParseFromString(data)
            kind = record.WhichOneof("record_type")
            if kind == "run":
                run |= {"id": record.run.run_id, "name": record.run.display_name}
                run["tags"] = list(record.run.tags)
                run["project"] = record.run.project
            for update in (*record.run.config.update, *record.config.update):
                key = ".".join(update.nested_key) or update.key
                run["config"][key] = json.loads(update.value_json)
            if kind == "history":
                items = record.history.item
                row = {".".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items}
                run["history"].append(row)
        runs.append(run)
    return runs


def eval_losses(run: dict[str, Any]) -> dict[int, float]:
    rows = [row for row in run["history"] if "eval/loss" in row]
    return {row["train/global_step"]: row["eval/loss"] for row in rows}


def test_wandb_offline_says_what_the_run_is_and_how_it_went(
    zygote: Zygote, whole: Workspace, tmp_path: Path
) -> None:
    workspace = tracked(tmp_path / "w", "wandb")
    said = zygote.run(workspace, **EXPERIMENT, **TOKENS)
    directory = workspace.root / "runs" / "rank-and-file"
    assert f"wandb: {directory}\n" in said
    (run,) = read_wandb(directory)
    assert (run["name"], run["project"]) == ("rank-and-file", "ketune")
    assert run["tags"] == ["tiny-qwen3-vl", "rslora", "r32"]
    described = run["config"]["ketune"]
    assert described["experiment"] == "rank-and-file"
    assert described["dvc_baseline_revision"] == "b" * 40
    assert described["params"]["lora_alpha"] == 64
    assert eval_losses(run) == pytest.approx(evaluations(workspace), rel=1e-7)
    assert {row["train/global_step"] for row in run["history"] if "train/loss" in row} >= {1, 6}
    # A record changes nothing in what it records.
    assert results(workspace)["adapter"] == results(whole)["adapter"]
    assert_no_secret(tmp_path)


def test_a_killed_run_keeps_no_token_and_goes_on_in_its_record(
    zygote: Zygote, tmp_path: Path
) -> None:
    workspace = tracked(tmp_path / "w", "wandb")
    pid = zygote.start(workspace, "in step 4", **EXPERIMENT, **TOKENS)
    assert zygote.wait(pid) == -signal.SIGKILL
    assert_no_secret(tmp_path)
    other = EXPERIMENT | {"DVC_EXP_NAME": "another-random-name"}
    assert "resuming after step 2" in zygote.run(workspace, **other, **TOKENS)
    assert [path.name for path in (workspace.root / "runs").iterdir()] == ["rank-and-file"]
    first, last = read_wandb(workspace.root / "runs" / "rank-and-file")
    assert last["id"] == first.get("id", last["id"])  # what kill -9 left of the first may be empty
    assert last["name"] == "rank-and-file"
    assert eval_losses(last) == pytest.approx(evaluations(workspace), rel=1e-7)


def test_tensorboard_goes_on_in_the_same_directory_and_shows_each_step_once(
    zygote: Zygote, whole: Workspace, tmp_path: Path
) -> None:
    workspace = tracked(tmp_path / "w", "tensorboard")
    pid = zygote.start(workspace, "in the third evaluation", **EXPERIMENT)
    assert zygote.wait(pid) == -signal.SIGKILL
    assert "resuming after step 2" in zygote.run(workspace, **EXPERIMENT)
    directory = workspace.root / "runs" / "rank-and-file"
    assert len(list(directory.glob("events.out.tfevents.*"))) == 2
    events = EventAccumulator(str(directory)).Reload()
    losses = [(event.step, event.value) for event in events.Scalars("eval/loss")]
    expected = evaluations(workspace)
    assert [step for step, _ in losses] == sorted(expected)
    assert all(math.isclose(value, expected[step], rel_tol=1e-6) for step, value in losses)
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3, 4, 5, 6]
    described = events.Tensors("ketune/text_summary")[0].tensor_proto.string_val[0]
    assert json.loads(described)["variant"] == "rslora-r32"
    assert results(workspace) == results(whole)


def test_every_finished_run_has_a_record_of_its_own(zygote: Zygote, tmp_path: Path) -> None:
    workspace = tracked(tmp_path / "w", "tensorboard")
    original = tmp_path / "original"
    for _ in range(2):
        zygote.run(workspace, DVC_ROOT=os.fspath(original), **EXPERIMENT)
    assert not (workspace.root / "runs").exists()  # a temporary directory's would be gone
    assert {path.name for path in (original / "runs").iterdir()} == {
        "rank-and-file",
        "rank-and-file-2",
    }
