"""tests/training/logging.jsonl was recorded from `swift sft` 4.6.0: 24 steps, evaluated every 8."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketune.runtime import StageError
from ketune.training.logs import (
    EVAL_COLUMNS,
    TRAIN_COLUMNS,
    History,
    begin_attempt,
    is_finished,
    read_history,
    write_curve,
)

OBSERVED = {
    "scaling": 2.0,
    "parts": {"vision_tower": 0, "aligner": 30, "llm": 70},
    "parameters": 4000,
    "learning_rates": {"lora_A": [1e-4], "lora_B": [1e-4]},
}
RECORDED = Path(__file__).with_name("logging.jsonl")
STEP = "global_step/max_steps"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    directory = tmp_path / "run"
    directory.mkdir()
    write(directory, rows())
    return directory


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDED.read_text().splitlines()]


def write(directory: Path, lines: list[dict[str, Any]]) -> None:
    (directory / "logging.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    (directory / "observed.json").write_text(json.dumps(OBSERVED))


def checkpoint(directory: Path, step: int) -> Path:
    path = directory / f"checkpoint-{step}"
    path.mkdir()
    (path / "trainer_state.json").write_text("{}")
    return path


def test_history_holds_the_whole_run(run: Path) -> None:
    history = read_history(run)
    assert (history.best_step, history.last_step, history.epochs) == (24, 24, 1.0)
    assert history.steps[0] == {
        "step": 0,
        "epoch": 0,
        "eval_loss": 8.47731018,
        "eval_token_acc": 0.0,
    }
    assert history.steps[-1]["loss"] == 6.19291878
    assert history.steps[-1]["eval_loss"] == 6.15293455
    assert history.runtime == 8.1298
    assert history.eval_runtime == pytest.approx(0.6305 + 0.3511 + 0.3808 + 0.4608)
    assert (history.tokens, history.observed.trainable, history.resumed) == (8688, 100, 0)
    assert history.device_memory is None


def test_device_memory_is_the_largest_logged(run: Path) -> None:
    write(run, [row | {"memory(GiB)": 30.5 + i} for i, row in enumerate(rows())])
    assert read_history(run).device_memory == 30.5 + len(rows()) - 2  # the summary has no step


def test_a_curve_has_the_steps_that_were_logged(run: Path) -> None:
    history = read_history(run)
    write_curve(run / "train.csv", history, TRAIN_COLUMNS)
    write_curve(run / "eval.csv", history, EVAL_COLUMNS)
    train = (run / "train.csv").read_text().splitlines()
    evaluation = (run / "eval.csv").read_text().splitlines()
    assert train[0] == "step,epoch,train_loss,train_token_acc,learning_rate,grad_norm"
    assert train[1].startswith("1,0.04166667,8.4927187,0,0.0001,")
    assert train[-1].split(",")[:4] == ["24", "1", "6.1929188", "0.9125"]
    assert evaluation[0] == "step,epoch,eval_loss,eval_token_acc"
    assert evaluation[1] == "0,0,8.4773102,0"
    assert evaluation[-1].startswith("24,1,6.1529346,")
    assert not [line for line in train + evaluation if ",," in line or line.endswith(",")]


def test_unfinished_run_has_no_history(run: Path) -> None:
    write(run, [row for row in rows() if "train_runtime" not in row])
    assert not is_finished(run)
    with pytest.raises(StageError, match="before its last step"):
        read_history(run)


def test_finished_run_is_seen(run: Path) -> None:
    assert is_finished(run)
    write(run, rows()[:-1])
    assert not is_finished(run)


def test_a_run_that_was_asked_to_stop_is_not_finished(run: Path) -> None:
    stopped = [row | ({STEP: "20/24"} if "train_runtime" in row else {}) for row in rows()]
    write(run, stopped)
    assert not is_finished(run)
    with pytest.raises(StageError, match="before its last step"):
        read_history(run)


def test_divergence_is_an_error_that_names_the_step(run: Path) -> None:
    broken = rows()
    broken[4]["eval_loss"] = float("nan")
    write(run, broken)
    with pytest.raises(StageError, match=r"eval_loss is nan at step 8; lower learning_rate"):
        read_history(run)


def test_missing_best_checkpoint_is_an_error(run: Path) -> None:
    broken = rows()
    broken[-1]["best_model_checkpoint"] = None
    write(run, broken)
    with pytest.raises(StageError, match="no best checkpoint"):
        read_history(run)


def test_without_a_checkpoint_the_attempt_starts_from_nothing(run: Path) -> None:
    attempt = begin_attempt(run, None)
    assert attempt.start_step == attempt.resumed == 0
    assert list(run.iterdir()) == []


@given(killed_after=st.integers(min_value=6, max_value=len(rows()) - 2), half=st.booleans())
def test_resumed_history_equals_the_uninterrupted_one(
    tmp_path_factory: pytest.TempPathFactory, killed_after: int, half: bool
) -> None:
    directory = tmp_path_factory.mktemp("run")
    everything = rows()
    write(directory, everything[:killed_after])
    if half:
        with (directory / "logging.jsonl").open("a") as file:
            file.write('{"loss": 6.3, "gra')
    step = max(
        int(row[STEP].split("/")[0]) for row in everything[:killed_after] if "eval_loss" in row
    )
    attempt = begin_attempt(directory, checkpoint(directory, step))
    assert (attempt.start_step, attempt.resumed) == (step, 1)

    rest = [row for row in everything[:-2] if int(row[STEP].split("/")[0]) > step]
    totals = everything[-2] | {"train_runtime": 8.1298 - attempt.seconds, "train_loss": 0.0}
    with (directory / "logging.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in [*rest, totals, everything[-1]])
    resumed, whole = read_history(directory), read_history_of(everything, directory)
    assert resumed.steps == whole.steps
    assert resumed.runtime == pytest.approx(whole.runtime)
    assert resumed.eval_runtime == pytest.approx(whole.eval_runtime)
    assert 0 < attempt.seconds < whole.runtime


def read_history_of(lines: list[dict[str, Any]], beside: Path) -> History:
    directory = beside / "whole"
    directory.mkdir()
    write(directory, lines)
    return read_history(directory)


def test_time_of_every_attempt_counts_once(run: Path) -> None:
    write(run, rows()[:5])
    first = begin_attempt(run, checkpoint(run, 8))
    assert first.seconds == pytest.approx(8 * 0.335487)
    # Killed again before another checkpoint: nothing is added.
    assert begin_attempt(run, run / "checkpoint-8").seconds == first.seconds
    later = {"eval_loss": 6.3, STEP: "16/24", "train_speed(s/it)": 0.5}
    with (run / "logging.jsonl").open("a") as file:
        file.write(json.dumps(later) + "\n")
    third = begin_attempt(run, checkpoint(run, 16))
    assert third.seconds == pytest.approx(first.seconds + 8 * 0.5)
    assert third.resumed == 3
