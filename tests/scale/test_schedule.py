"""How often evaluations happen when they may cost a share, and what they cost otherwise."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.architecture import QWEN3_VL_8B
from ketune.params import Params
from ketune.runtime import StageError
from ketune.training.schedule import Schedule, plan_evaluations, training_steps, with_schedule
from tests.training.conftest import changed, full

__all__ = ["full"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The specification's numbers of rows, all of one length."""
    paths = []
    for name, count in (("train", 5837), ("validation", 1239)):
        messages = [{"content": "q" * 600}, {"content": "a" * 900}]
        line = json.dumps({"messages": messages, "images": []}) + "\n"
        paths.append(tmp_path_factory.mktemp(name) / "rows.jsonl")
        paths[-1].write_text(line * count)
    return paths[0], paths[1]


def plan(params: Params, rows: tuple[Path, Path]) -> Schedule:
    schedule = plan_evaluations(params, QWEN3_VL_8B, *rows)
    assert schedule is not None
    return schedule


def test_the_specifications_evaluations_cost_two_fifths_of_its_flops(
    full: Params, rows: tuple[Path, Path]
) -> None:
    schedule = plan(full, rows)
    assert (schedule.steps, schedule.interval, schedule.evaluations) == (183, 20, 11)
    assert schedule.share == pytest.approx(0.43, abs=0.02)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
@given(share=st.floats(0.13, 0.9))
def test_the_interval_is_the_shortest_that_keeps_the_share(
    full: Params, rows: tuple[Path, Path], share: float
) -> None:
    schedule = plan(changed(full, eval_share=share), rows)
    assert schedule.share <= share
    assert schedule == plan(changed(full, eval_share=share), rows)
    if schedule.interval > 1:
        shorter = changed(full, eval_steps=schedule.interval - 1, save_steps=schedule.interval - 1)
        assert plan(shorter, rows).share > share


def test_the_interval_takes_the_place_of_eval_steps_and_save_steps(
    full: Params, rows: tuple[Path, Path]
) -> None:
    schedule = plan(changed(full, eval_share=0.2), rows)
    planned = with_schedule(full, schedule)
    assert planned.eval_steps == planned.save_steps == schedule.interval > 20
    assert schedule.evaluations == 1 + math.ceil(183 / schedule.interval)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eval_share": 0.05}, r"the evaluations before the first and after the last step cost 1"),
        ({"eval_strategy": "epoch", "save_strategy": "epoch"}, "needs eval_strategy steps"),
    ],
)
def test_a_share_that_cannot_be_kept_is_refused(
    full: Params, rows: tuple[Path, Path], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(StageError, match=message):
        plan_evaluations(changed(full, **({"eval_share": 0.1} | change)), QWEN3_VL_8B, *rows)


def test_a_model_whose_flops_are_unknown_needs_eval_steps(
    full: Params, rows: tuple[Path, Path]
) -> None:
    assert plan_evaluations(full, {"d_model": 8}, *rows) is None
    with pytest.raises(StageError, match="needs a model whose FLOPs are known"):
        plan_evaluations(changed(full, eval_share=0.3), {"d_model": 8}, *rows)


def test_steps_are_those_of_the_trainer(full: Params) -> None:
    assert training_steps(full, 5837) == 183
    assert training_steps(changed(full, num_train_epochs=2.0), 5837) == 366
    assert training_steps(changed(full, num_train_epochs=0.5), 5837) == 92
    two = changed(full, nproc_per_node=2, gradient_accumulation_steps=1)
    assert training_steps(two, 5837) == 183
