"""The report: figures where a reader looks for them, published ones only beside full scale."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ketune.params import load_params
from ketune.params.profile import profile_changes
from ketune.reporting.report import render
from ketune.scoring.summary import summarise
from tests.statistics.test_summary import outcome

ROOT = Path(__file__).parents[2]
FULL = load_params(ROOT)
SMOKE = load_params(ROOT, profile_changes("smoke", ROOT))
PUBLISHED = YAML(typ="safe", pure=True).load(Path(__file__).parents[2] / "published.yaml")
METRICS = {
    "data": {
        "contamination": {
            "benchmarks": {"dataset": {"rows": {"train": 7, "validation": 1, "test": 0}}},
            "dropped": {"train": 5, "validation": 1, "test": 0},
        }
    },
    "train": {"eval_loss_first": 2.0, "eval_loss": 0.5, "best_step": 40, "last_step": 80},
    "merge": {"largest_logit_difference": 1e-6},
    "calibration": {
        "dataset": {"code_tasks": 24, "ceiling": 23, "without_reference": 0},
        "provenance": {},
    },
}


@pytest.fixture
def models() -> dict[str, Any]:
    def outcomes(passed: int) -> list[dict[str, Any]]:
        rows = [outcome(i, "passed" if i < passed else "wrong_answer") for i in range(20)]
        picture = {"multimodal": True, "image_type": "circuit"}
        rows += [outcome(i, "passed", **picture) for i in range(20, 24)]
        return [*rows, outcome(30, None)]

    blanked = [
        row | {"outcome": "wrong_answer", "condition": "blank_images"}
        for row in outcomes(0)
        if row["multimodal"]
    ]
    text_only = [row for row in outcomes(15) if not row["multimodal"]]
    rest: dict[str, Any] = {"not_applicable": {}, "provenance": {}}
    return {
        "base": summarise(outcomes(0), [1]) | rest,
        "ibm": summarise(text_only, [1]) | rest | {"not_applicable": {"dataset": 4}},
        "finetuned": summarise(outcomes(10) + blanked, [1]) | rest,
    }


def row(text: str, start: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_shows_every_model(models: dict[str, Any]) -> None:
    text, _ = render(SMOKE, models, METRICS, PUBLISHED).split("## By what the picture shows")
    assert row(text, " |")[1:] == ["base", "fine-tuned", "ibm"]
    assert row(text, "eval_loss")[1:] == ["2.0000", "0.5000", ""]
    assert row(text, "test split: text code")[1:] == [
        "0.0 [0.0, 16.1]",
        "50.0 [29.9, 70.1]",
        "75.0 [53.1, 88.8]",
    ]
    blank = row(text, "test split: multimodal code pass@1, images blanked")
    assert blank[1:] == ["not run", "0.0 [0.0, 49.0]", "not run"]
    assert row(text, "test split: QA ROUGE-L")[2] == "50.0 [50.0, 50.0]"
    assert "test split 23 of 24" in text
    assert "repeat a benchmark's task: test split 7; 5 dropped before training." in text


def test_pictures_have_a_table_by_what_they_show() -> None:
    pictures = [
        outcome(i, "passed", multimodal=True, image_type=kind)
        for i, kind in enumerate(("circuit", "circuit", "histogram"))
    ]
    blanked = [row | {"condition": "blank_images", "outcome": "timeout"} for row in pictures]
    base = [row | {"outcome": "timeout"} for row in pictures[:2]]
    rest: dict[str, Any] = {"not_applicable": {}, "provenance": {}}
    own = {
        "base": summarise(base, [1]) | rest,
        "finetuned": summarise([*pictures, *blanked], [1]) | rest,
    }
    text = render(SMOKE, own, METRICS, PUBLISHED)
    _, text = text.split("## By what the picture shows")
    assert row(text, " |")[1:] == ["base", "fine-tuned", "fine-tuned, images blanked"]
    circuit = row(text, "test split: circuit, code pass@1 (2)")
    assert [cell.partition(" ")[0] for cell in circuit[1:]] == ["0.0", "100.0", "0.0"]
    assert row(text, "test split: histogram, code pass@1 (1)")[1] == ""


def test_scorable_tasks_have_a_row_where_some_are_not(models: dict[str, Any]) -> None:
    assert "scorable tasks" not in render(SMOKE, models, METRICS, PUBLISHED)
    rows = [outcome(i, "passed" if i < 10 else "runtime_error") for i in range(20)]
    rows = [row | {"scorable": number < 16} for number, row in enumerate(rows)]
    models["finetuned"] = summarise(rows, [1]) | {"not_applicable": {}, "provenance": {}}
    text = render(SMOKE, models, METRICS, PUBLISHED)
    assert row(text, "test split: code pass@1, scorable tasks (16")[2].startswith("62.5 ")


def test_what_does_not_apply_is_no_failure(models: dict[str, Any]) -> None:
    text = render(SMOKE, models, METRICS, PUBLISHED)
    assert row(text, "test split: multimodal code pass@1 (")[3] == "not applicable"
    assert row(text, "test split: code pass@1 (24")[3] == "75.0 [53.1, 88.8] of 20"
    models["ibm"] = {"not_applicable": {"dataset": 25}, "provenance": {}}
    text = render(SMOKE, models, METRICS, PUBLISHED)
    assert row(text, "test split: QA ROUGE-L")[3] == "not applicable"


def test_published_figures_stand_beside_full_scale_only(models: dict[str, Any]) -> None:
    assert "published" not in render(SMOKE, models, METRICS, PUBLISHED)
    full = render(FULL, models, METRICS, PUBLISHED)
    assert row(full, "test split: code pass@1 (")[4:] == ["32.3", "46.6"]
    assert row(full, "eval_loss")[4:] == ["", "0.6068"]
