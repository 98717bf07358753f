"""Figures of a study's experiments, one record a run, without checking anything out."""

import csv
import io
from dataclasses import dataclass, field
from typing import Any

from ketune.revisions.experiments import Experiment, is_complete, read_file, read_json

# A stage's figures count only where the experiment ran it on its own results.
_METRICS = {
    "train": "models/adapter.record.json",
    "merge": "models/merged.record.json",
    "evaluate": "metrics/slices/finetuned.record.json",
    "evaluate_baseline@base": "metrics/slices/base.record.json",
}


@dataclass(frozen=True)
class Result:
    """Figures of one run by stage, {} where the stage did not run; `curve` is eval_loss by step."""

    run: str
    experiment: Experiment | None
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    curve: dict[int, float] = field(default_factory=dict)

    def get(self, stage: str, *keys: str) -> Any:
        """A figure by its path, None where the run lacks it."""
        value: Any = self.metrics.get(stage)
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


def read_result(run: str, experiment: Experiment | None) -> Result:
    """Everything that the tables need from an experiment; nothing when there is none."""
    if experiment is None:
        return Result(run, None)
    metrics = {}
    for stage, path in _METRICS.items():
        if is_complete(experiment, stage) and (figures := read_json(experiment, path)):
            metrics[stage] = figures
    curve = read_file(experiment, "metrics/curve_eval.csv") if "train" in metrics else None
    rows = csv.DictReader(io.StringIO(curve or ""))
    steps = {int(float(row["step"])): float(row["eval_loss"]) for row in rows}
    return Result(run, experiment, metrics, steps)
