"""CSV files behind the plots of dvc.yaml."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.runtime import atomic_open


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV with a header, atomically; None is an empty cell."""
    with atomic_open(path) as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_categories(path: Path, code_figures: Mapping[str, Any]) -> None:
    """pass@1 with its interval (percent) for every category of a benchmark's code figures."""
    columns = ["category", "tasks", "pass_at_1", "pass_at_1_low", "pass_at_1_high"]
    slices = {"all": code_figures["all"], **code_figures.get("by_category", {})}
    rows = [
        {
            "category": category,
            "tasks": figures["tasks"],
            **{column: round(100 * figures[column], 2) for column in columns[2:]},
        }
        for category, figures in slices.items()
    ]
    write_csv(path, columns, rows)
