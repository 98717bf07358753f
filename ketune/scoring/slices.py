"""pass@1 of every category, type and modality: the cells of the heat map and the bars' lengths."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ketune.runtime import atomic_open
from ketune.scoring.summary import pass_rates

ALL = "all"
_COLUMNS = (
    *("model", "benchmark", "category", "type", "modality"),
    *("tasks", "pass_at_1", "low", "high"),
    *("tasks_scorable", "pass_at_1_scorable"),
)
_DIMENSIONS = ("category", "type", "modality")


def write_slices(path: Path, model: str, outcomes: Sequence[Mapping[str, Any]]) -> None:
    """Write pass@1 (percent, with its 95 % interval) of one model's code tasks as CSV.

    A row for every combination of category, type and modality that has tasks, where "all" stands
    for every value of a dimension, by benchmark; a dimension of one value is only "all". Modality
    "blanked" is multimodal tasks whose images were blanked, and counts in no "all". Qiskit
    HumanEval's category is its difficulty. The scorable columns count the tasks that the reference
    solution passes; with none of them pass_at_1_scorable is empty. Without code tasks the file has
    its header alone.
    """
    code = [_with_modality(outcome) for outcome in outcomes if outcome["outcome"] is not None]
    rows: list[dict[str, Any]] = []
    for benchmark in dict.fromkeys(outcome["benchmark"] for outcome in code):
        own = [outcome for outcome in code if outcome["benchmark"] == benchmark]
        rows += [{"model": model, "benchmark": benchmark} | row for row in _cube(own)]
    with atomic_open(path) as file:
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _with_modality(outcome: Mapping[str, Any]) -> dict[str, Any]:
    if outcome["condition"] == "blank_images":
        return {**outcome, "modality": "blanked"}
    return {**outcome, "modality": "multimodal" if outcome["multimodal"] else "text"}


def _cube(outcomes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    values = {key: sorted({o[key] for o in outcomes if o[key]}) for key in _DIMENSIONS}
    choices = {key: [ALL, *(found if len(found) > 1 else [])] for key, found in values.items()}
    rows = []
    for category in choices["category"]:
        for kind in choices["type"]:
            for modality in choices["modality"]:
                cell = {"category": category, "type": kind, "modality": modality}
                if part := [outcome for outcome in outcomes if _belongs(outcome, cell)]:
                    rows.append(cell | _rates(part))
    return rows


def _belongs(outcome: Mapping[str, Any], cell: Mapping[str, str]) -> bool:
    if cell["modality"] == ALL and outcome["modality"] == "blanked":
        return False
    return all(value in {ALL, outcome[key]} for key, value in cell.items())


def _rates(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    figures = pass_rates(outcomes, [1])
    scorable = [outcome for outcome in outcomes if outcome["scorable"]]
    reachable = pass_rates(scorable, [1]) if scorable else {"tasks": 0, "pass_at_1": None}
    return {
        "tasks": figures["tasks"],
        "pass_at_1": _percent(figures["pass_at_1"]),
        "low": _percent(figures["pass_at_1_low"]),
        "high": _percent(figures["pass_at_1_high"]),
        "tasks_scorable": reachable["tasks"],
        "pass_at_1_scorable": _percent(reachable["pass_at_1"]),
    }


def _percent(rate: float | None) -> float | None:
    return None if rate is None else round(100 * rate, 2)
