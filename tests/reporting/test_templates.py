"""`dvc plots` with the repository's own plots, templates and stage properties."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ketune.scoring.slices import write_slices
from tests.statistics.test_summary import outcome

REPOSITORY = Path(__file__).parents[2]
MODELS = ("base", "finetuned")
PLOTS = {"pass_at_1_by_category", "pass_at_1_by_type"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC repository with our templates, plots and the files of two models."""
    root = tmp_path_factory.mktemp("plots")
    run(root, "git", "init", "-q")
    run(root, "dvc", "init", "-q")
    shutil.copytree(REPOSITORY / ".dvc/plots", root / ".dvc/plots")
    yaml = YAML(typ="safe", pure=True)
    pipeline = yaml.load(REPOSITORY / "dvc.yaml")
    (properties,) = pipeline["stages"]["evaluate"]["plots"]
    (drawn,) = properties.values()
    stages = {
        model: {"cmd": "true", "plots": [{f"metrics/slices/{model}.csv": drawn}]}
        for model in MODELS
    }
    plots = [plot for plot in pipeline["plots"] if plot.keys() <= PLOTS]
    yaml.dump({"stages": stages, "plots": plots}, root / "dvc.yaml")
    for model in MODELS:
        result = "passed" if model == "finetuned" else "timeout"
        outcomes = [
            outcome(0, result, category="circuits_and_gates", multimodal=True),
            outcome(1, "passed", category="hardware_and_providers", type="code_generation"),
        ]
        write_slices(root / f"metrics/slices/{model}.csv", model, outcomes)
    return root


def run(root: Path, *command: str) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "HOME": str(root), "DVC_NO_ANALYTICS": "1"}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=True
    ).stdout


def shown(root: Path) -> dict[str, dict[str, Any]]:
    """{plot: its filled Vega-Lite specification}."""
    content = json.loads(run(root, "dvc", "plots", "show", "--json"))
    assert "errors" not in content
    return {
        name: json.loads(plot["content"]) if isinstance(plot["content"], str) else plot["content"]
        for name, (plot,) in content["data"].items()
    }


def test_bars_hold_both_models_and_heat_maps_one_each(project: Path) -> None:
    plots = shown(project)
    assert plots.keys() == PLOTS | {f"metrics/slices/{model}.csv" for model in MODELS}
    for name in PLOTS:
        values = plots[name]["data"]["values"]
        whole = {
            row["model"]: (row["pass_at_1"], row["low"], row["rev"])
            for row in values
            if (row["category"], row["type"], row["modality"]) == ("all", "all", "all")
        }
        assert whole.keys() == set(MODELS)
        assert whole["finetuned"][0] == "100.0"
        assert whole["base"][0] == "50.0"
        assert plots[name]["title"]["text"]
    heat = plots["metrics/slices/finetuned.csv"]
    assert {row["model"] for row in heat["data"]["values"]} == {"finetuned"}
    assert "<DVC_METRIC" not in json.dumps(plots)


def test_templates_read_columns_that_the_file_has(project: Path) -> None:
    columns = set((project / "metrics/slices/base.csv").read_text().splitlines()[0].split(","))
    for name, plot in shown(project).items():
        made = {step["as"] for step in plot["transform"] if "as" in step}
        fields = set(_fields(plot["facet"])) | set(_fields(plot["spec"]))
        assert fields <= columns | made | {"rev"}, name


def _fields(value: Any) -> list[str]:
    if isinstance(value, list):
        return [field for part in value for field in _fields(part)]
    if not isinstance(value, dict):
        return []
    own = [value["field"]] if isinstance(value.get("field"), str) else []
    return own + [field for part in value.values() for field in _fields(part)]
