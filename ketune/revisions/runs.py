"""Commits and experiments as runs: changed parameters, headline figures, and a verdict on each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ketune.comparison import compare
from ketune.comparison.identity import unlike
from ketune.params import flatten, parse_yaml
from ketune.paths import (
    ADAPTER,
    CALIBRATION_METRICS,
    DATA_METRICS,
    FINETUNED,
    MERGE_METRICS,
    OUTCOMES,
    REPORT_METRICS,
    TRAIN_METRICS,
    record,
)
from ketune.revisions.experiments import Experiment, is_complete, read_file, read_json
from ketune.revisions.outcomes import read_outcomes
from ketune.runtime import StageError
from ketune.scoring.headline import headline
from ketune.statistics import Interval

_METRICS = {
    "prepare": DATA_METRICS,
    "train": TRAIN_METRICS,
    "merge": MERGE_METRICS,
    "calibrate": CALIBRATION_METRICS,
    "report": REPORT_METRICS,
}


@dataclass(frozen=True)
class Run:
    """A run's figures. `rates` are percent; `verdict` is of it against the reference.

    A figure is there only where the run has its stage's results, on its own earlier stages.
    """

    name: str
    commit: str
    changed: dict[str, tuple[Any, Any]]
    metrics: dict[str, Any]
    rates: dict[str, Interval]
    runtime: float | None
    verdict: str


def read_runs(reference: Experiment, others: Sequence[Experiment]) -> list[Run]:
    """The reference, and every other run beside it, in their order."""
    first = _read(reference, None)
    return [first, *(_read(other, first) for other in others)]


def _read(run: Experiment, reference: Run | None) -> Run:
    metrics: dict[str, Any] = {}
    for stage, path in _METRICS.items():
        if is_complete(run, stage):
            metrics |= read_json(run, path.as_posix()) or {}
    rates: dict[str, Interval] = {}
    if is_complete(run, "evaluate"):
        known = read_json(run, record(OUTCOMES / f"{FINETUNED}.jsonl").as_posix()) or {}
        rates = headline(
            {k: v for k, v in known.items() if k not in {"not_applicable", "provenance"}}
        )
    trained = read_json(run, record(ADAPTER).as_posix()) if "eval_loss" in metrics else None
    runtime = trained["train_runtime"] if trained else None
    changed = _changed(reference.commit, run) if reference else {}
    verdict = _verdict(reference, run, metrics, rates) if reference else "reference"
    return Run(run.name, run.commit, changed, metrics, rates, runtime, verdict)


def _changed(reference: str, run: Experiment) -> dict[str, tuple[Any, Any]]:
    """{key: (reference's, the run's)} of the parameters that differ."""
    before, after = (_params(one) for one in (Experiment(reference, reference, ""), run))
    keys = dict.fromkeys((*before, *after))
    return {k: (before.get(k), after.get(k)) for k in keys if before.get(k) != after.get(k)}


def _params(run: Experiment) -> dict[str, Any]:
    return flatten(parse_yaml(read_file(run, "params.yaml") or "", f"params.yaml of {run.name}"))


def _verdict(
    reference: Run, run: Experiment, metrics: Mapping[str, Any], rates: Mapping[str, Interval]
) -> str:
    """What the sample shows of each main figure, or why there is nothing to say."""
    if not rates or not reference.rates:
        return f"no results of {run.name if not rates else reference.name}"
    if reasons := unlike(reference.metrics, metrics):
        return f"not comparable: {'; '.join(reasons)}"
    try:
        rows = compare(read_outcomes(reference.commit), read_outcomes(run.commit)).rows
    except (ValueError, StageError) as error:
        return f"not compared: {error}"
    shown = [row for row in rows if row.verdict in {"better", "worse"}]
    parts = [f"{row.verdict}: {row.benchmark} {row.measure}" for row in shown]
    return "; ".join(parts) or "no difference shown"
