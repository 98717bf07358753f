"""The file behind the bars and the heat map: every cell counts its own tasks."""

import csv
from pathlib import Path
from typing import Any

import pytest

from ketune.scoring.slices import write_slices
from tests.statistics.test_summary import outcome


def cells(path: Path, outcomes: list[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, str]]:
    """{(benchmark, category, type, modality): row} of the file written for `outcomes`."""
    write_slices(path, "finetuned", outcomes)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["model"] == "finetuned" for row in rows)
    found: dict[tuple[str, ...], dict[str, str]] = {
        (r["benchmark"], r["category"], r["type"], r["modality"]): r for r in rows
    }
    assert len(found) == len(rows)
    return found


def test_every_combination_and_its_margins(tmp_path: Path) -> None:
    outcomes = [
        outcome(0, "passed", category="circuits_and_gates", multimodal=True),
        outcome(1, "wrong_answer", category="circuits_and_gates"),
        outcome(2, "passed", category="hardware_and_providers", type="code_generation"),
        outcome(3, "timeout", category="hardware_and_providers", scorable=False),
        outcome(4, None, category="circuits_and_gates"),
        outcome(0, "timeout", multimodal=True, condition="blank_images"),
    ]
    found = cells(tmp_path / "slices.csv", outcomes)
    everything = found["dataset", "all", "all", "all"]
    assert (everything["tasks"], everything["pass_at_1"]) == ("4", "50.0")
    assert (everything["tasks_scorable"], everything["pass_at_1_scorable"]) == ("3", "66.67")
    assert float(everything["low"]) < 50 < float(everything["high"])
    circuits = found["dataset", "circuits_and_gates", "all", "all"]
    assert (circuits["tasks"], circuits["pass_at_1"]) == ("2", "50.0")
    hardware = found["dataset", "hardware_and_providers", "function_completion", "text"]
    assert (hardware["tasks"], hardware["pass_at_1"]) == ("1", "0.0")
    assert (hardware["tasks_scorable"], hardware["pass_at_1_scorable"]) == ("0", "")
    assert found["dataset", "all", "all", "multimodal"]["pass_at_1"] == "100.0"
    assert found["dataset", "all", "all", "blanked"]["pass_at_1"] == "0.0"
    assert ("dataset", "hardware_and_providers", "all", "multimodal") not in found


def test_a_dimension_of_one_value_has_no_row_of_its_own(tmp_path: Path) -> None:
    outcomes = [
        outcome(i, "passed", benchmark="qiskit_humaneval", category=category)
        for i, category in enumerate(("basic", "difficult"))
    ]
    assert set(cells(tmp_path / "slices.csv", outcomes)) == {
        ("qiskit_humaneval", category, "all", "all") for category in ("all", "basic", "difficult")
    }


@pytest.mark.parametrize("outcomes", [[], [outcome(0, None)]])
def test_without_code_tasks_there_is_a_header(
    tmp_path: Path, outcomes: list[dict[str, Any]]
) -> None:
    assert cells(tmp_path / "slices.csv", outcomes) == {}
    assert (tmp_path / "slices.csv").read_text().startswith("model,benchmark,category,")
