"""Figures of an overfitting table from one run's history."""

from typing import Any

import pytest

from ketune.training.convergence import convergence
from ketune.training.logs import History, Observed


def history(best_step: int, rows: list[dict[str, float]], epochs: float = 2.0) -> History:
    return History(
        steps=rows,
        best_step=best_step,
        last_step=int(rows[-1]["step"]),
        epochs=epochs,
        tokens=1,
        runtime=1.0,
        eval_runtime=0.0,
        device_memory=None,
        resumed=0,
        observed=Observed(2.0, {"llm": 1}, 2, {"lora_A": [1e-4], "lora_B": [1e-4]}),
    )


def row(step: int, per_epoch: int, **values: float) -> dict[str, float]:
    return {"step": step, "epoch": round(step / per_epoch, 8)} | values


@pytest.fixture
def overfitted() -> dict[str, Any]:
    """Two epochs of 183 steps, evaluated every 180 for short, logged every 5."""
    rows = [
        row(0, 183, eval_loss=2.0, eval_token_acc=0.4),
        row(175, 183, loss=0.7, token_acc=0.80),
        row(180, 183, loss=0.6, token_acc=0.83, eval_loss=0.62, eval_token_acc=0.82),
        row(185, 183, loss=0.5, token_acc=0.85),
        row(360, 183, loss=0.33, token_acc=0.89, eval_loss=0.64, eval_token_acc=0.82),
        row(366, 183, loss=0.3, token_acc=0.90, eval_loss=0.651, eval_token_acc=0.825),
    ]
    return convergence(history(180, rows))


def test_the_published_step_is_the_best_one(overfitted: dict[str, Any]) -> None:
    assert (overfitted["best_step"], overfitted["last_step"]) == (180, 366)
    assert (overfitted["eval_loss"], overfitted["eval_token_acc"]) == (0.62, 0.82)
    assert (overfitted["train_loss"], overfitted["overfitting_gap"]) == (0.6, 0.02)
    assert overfitted["eval_loss_first"] == 2.0


def test_the_rise_after_it_is_that_of_the_curves_end(overfitted: dict[str, Any]) -> None:
    assert overfitted["final"]["step"] == 366
    assert overfitted["eval_loss_rise"] == pytest.approx(0.031)
    assert overfitted["eval_loss_rise_percent"] == pytest.approx(5.0)


def test_an_epoch_ends_with_its_last_evaluation(overfitted: dict[str, Any]) -> None:
    assert {epoch: end["step"] for epoch, end in overfitted["epochs"].items()} == {
        "1": 180,
        "2": 366,
    }
    assert overfitted["epochs"]["1"]["train_loss"] == 0.6
    assert overfitted["epochs"]["2"] == overfitted["final"]


def test_an_epoch_without_an_evaluation_is_left_out() -> None:
    rows = [
        row(0, 10, eval_loss=2.0, eval_token_acc=0.4),
        row(15, 10, loss=0.6, token_acc=0.8, eval_loss=0.7, eval_token_acc=0.8),
        row(20, 10, loss=0.5, token_acc=0.8, eval_loss=0.6, eval_token_acc=0.8),
    ]
    assert list(convergence(history(20, rows))["epochs"]) == ["2"]


def test_without_token_accuracy_the_losses_are_there() -> None:
    rows = [row(0, 10, eval_loss=2.0), row(10, 10, loss=0.5, eval_loss=0.6)]
    figures = convergence(history(10, rows, epochs=1.0))
    assert figures["eval_loss"] == 0.6
    assert figures["eval_token_acc"] is figures["train_token_acc"] is None
