"""Plots of the report: what they draw, and that the same figures give the same bytes."""

import re
from pathlib import Path

import pytest

from ketune.reporting.plots import draw_categories, draw_losses

TRAIN = [{"step": "1", "train_loss": "1.5"}, {"step": "5", "train_loss": "0.7"}]
EVALUATED = [{"step": "0", "eval_loss": "1.6"}, {"step": "5", "eval_loss": "0.6"}]


def row(category: str, rate: float, **other: str) -> dict[str, str]:
    cell = {"benchmark": "dataset", "category": category, "type": "all", "modality": "all"}
    figures = {"pass_at_1": str(rate), "low": str(rate - 5), "high": str(rate + 5), "tasks": "9"}
    return cell | figures | other


SLICES = {
    "finetuned": [row("all", 60), row("noise_models", 40), row("circuits", 80, modality="text")],
    "base": [row("noise_models", 10), row("circuits", 30), row("x", 5, benchmark="other")],
}


def test_the_losses_are_two_named_lines_of_reproducible_bytes(tmp_path: Path) -> None:
    draw_losses(tmp_path / "a.svg", TRAIN, EVALUATED)
    draw_losses(tmp_path / "b.svg", TRAIN, EVALUATED)
    text = (tmp_path / "a.svg").read_text()
    assert (tmp_path / "b.svg").read_text() == text
    for label in ("training", "evaluation", "step", "loss, nats a token"):
        assert f">{label}<" in text


@pytest.mark.parametrize("models", [["base", "finetuned"], ["finetuned"]])
def test_every_model_has_a_bar_a_category_of_the_test_split(
    tmp_path: Path, models: list[str]
) -> None:
    path = tmp_path / "bars.svg"
    draw_categories(path, {name: SLICES[name] for name in models})
    text = path.read_text()
    assert "noise models (9)" in text
    assert ("circuits (9)" in text) == ("base" in models)  # a view of modality is no category
    assert "x (9)" not in text
    assert "fine-tuned" in text
    colours = set(re.findall(r"fill: (#0072b2|#e69f00)", text))
    assert len(colours) == len(models)


def test_no_code_is_a_plot_without_bars(tmp_path: Path) -> None:
    draw_categories(tmp_path / "none.svg", {"finetuned": []})
    assert "pass@1" in (tmp_path / "none.svg").read_text()
