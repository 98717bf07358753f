"""Convergence of two experiments in one plot, and no plot without a title of ours."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ketune.training.logs import EVAL_COLUMNS, TRAIN_COLUMNS, write_curve
from tests.reporting.test_templates import REPOSITORY, run
from tests.training.test_convergence import history, row

COMMIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "run")


@pytest.fixture(scope="module")
def plots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """`dvc plots diff --json` of two revisions, as {name: Vega-Lite specification}."""
    root = tmp_path_factory.mktemp("curves")
    run(root, "git", "init", "-q")
    run(root, "dvc", "init", "-q")
    yaml = YAML(typ="safe", pure=True)
    pipeline = yaml.load(REPOSITORY / "dvc.yaml")
    stage = {"cmd": "true", "plots": pipeline["stages"]["train"]["plots"]}
    kept = [plot for plot in pipeline["plots"] if plot.keys() <= {"loss", "token_accuracy"}]
    yaml.dump({"stages": {"train": stage}, "plots": kept}, root / "dvc.yaml")
    for revision, loss in (("one", 0.6), ("two", 0.5)):
        _write_curves(root / "metrics", loss)
        run(root, "git", "add", "-A")
        run(root, *COMMIT)
        run(root, "git", "tag", revision)
    content = json.loads(run(root, "dvc", "plots", "diff", "--json", "one", "two"))
    assert "errors" not in content
    return {name: drawn["content"] for name, (drawn,) in content["data"].items()}


def _write_curves(directory: Path, loss: float) -> None:
    logged = {"learning_rate": 1e-4, "grad_norm": 0.3}
    rows = [
        row(0, 10, eval_loss=2.0, eval_token_acc=0.4),
        row(5, 10, loss=1.0, token_acc=0.7, **logged),
        row(10, 10, loss=loss, token_acc=0.8, eval_loss=loss, eval_token_acc=0.8, **logged),
    ]
    run_history = history(10, rows, epochs=1.0)
    write_curve(directory / "curve_train.csv", run_history, TRAIN_COLUMNS)
    write_curve(directory / "curve_eval.csv", run_history, EVAL_COLUMNS)


def test_curves_of_two_experiments_overlay(plots: dict[str, Any]) -> None:
    for name, figure in (("loss", "loss"), ("token_accuracy", "token_acc")):
        values = plots[name]["data"]["values"]
        assert {value["rev"] for value in values} == {"one", "two"}
        shown = {value["filename::field"].partition("::")[2] for value in values}
        assert shown == {f"train_{figure}", f"eval_{figure}"}


def test_every_plot_has_a_title_that_says_what_it_shows(plots: dict[str, Any]) -> None:
    assert {name: plot["title"]["text"] for name, plot in plots.items()} == {
        "loss": "Convergence",
        "token_accuracy": "Token accuracy",
        "metrics/curve_train.csv": "Gradient norm",
        "metrics/curve_eval.csv": "Evaluation loss",
    }
