"""The report: figures where a reader looks for them, published ones only beside full scale."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages.report import render
from stages.statistics import summarise
from tests.statistics.test_summary import outcome

PUBLISHED = YAML(typ="safe", pure=True).load(Path(__file__).parents[2] / "published.yaml")


@pytest.fixture
def metrics() -> dict[str, Any]:
    def outcomes(passed: int) -> list[dict[str, Any]]:
        rows = [outcome(i, "passed" if i < passed else "wrong_answer") for i in range(20)]
        rows += [outcome(i, "passed", multimodal=True) for i in range(20, 24)]
        return [*rows, outcome(30, None)]

    blanked = [
        outcome(i, "wrong_answer", multimodal=True, condition="blank_images") for i in range(20, 24)
    ]
    return {
        "data": {},
        "train": {"eval_loss_first": 2.0, "eval_loss": 0.5, "best_step": 40, "last_step": 80},
        "merge": {"largest_logit_difference": 1e-6},
        "evaluate": {
            "base": summarise(outcomes(0), [1]),
            "finetuned": summarise(outcomes(10) + blanked, [1]),
        },
    }


def row(text: str, start: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_shows_both_models(metrics: dict[str, Any]) -> None:
    text = render("smoke", metrics, PUBLISHED)
    assert row(text, "eval_loss")[1:] == ["2.0000", "0.5000"]
    assert row(text, "test split: text code")[1:] == ["0.0 [0.0, 16.1]", "50.0 [29.9, 70.1]"]
    blank = row(text, "test split: multimodal code pass@1, images blanked")
    assert blank[1:] == ["not run", "0.0 [0.0, 49.0]"]
    assert row(text, "test split: QA ROUGE-L")[2] == "50.0 [50.0, 50.0]"


def test_published_figures_stand_beside_full_scale_only(metrics: dict[str, Any]) -> None:
    assert "published" not in render("smoke", metrics, PUBLISHED)
    full = render("full", metrics, PUBLISHED)
    assert row(full, "test split: code pass@1")[3:] == ["32.3", "46.6"]
    assert row(full, "eval_loss")[3:] == ["", "0.6068"]
