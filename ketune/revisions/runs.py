"""Commits and experiments as runs: changed parameters, headline figures, and a verdict on each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ketune.comparison import compare
from ketune.params import flatten, parse_yaml
from ketune.params.profile import short_changes
from ketune.paths import (
    ADAPTER,
    CALIBRATION_METRICS,
    DATA_METRICS,
    FINETUNED,
    MERGE_METRICS,
    REPORT_METRICS,
    SLICES,
    TRAIN_METRICS,
    record,
)
from ketune.revisions.experiments import Experiment, is_complete, read_file, read_json
from ketune.revisions.identity import other_judge, unlike
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
class Figures:
    """Headline figures of a run: DVC's metrics of the run, and `rates` of its model in percent.

    A figure is there only where the run has its stage's results, on its own earlier stages.
    `main` names the rates of whole benchmarks. `runtime`: seconds of training.
    """

    metrics: dict[str, Any]
    rates: dict[str, Interval]
    main: tuple[str, ...]
    runtime: float | None


@dataclass(frozen=True)
class Run:
    """A run beside a reference: {key: (reference's, the run's)} of parameters, and a verdict.

    `short` is `changed` for a person, a profile as one.
    """

    name: str
    commit: str
    changed: dict[str, tuple[Any, Any]]
    short: list[str]
    figures: Figures
    verdict: str


def read_runs(reference: Experiment, others: Sequence[Experiment]) -> list[Run]:
    """The reference, and every other run beside it, in their order."""
    first, params = read_figures(reference), flat_params(reference)
    runs = [Run(reference.name, reference.commit, {}, [], first, "reference")]
    for other in others:
        figures, own = read_figures(other), flat_params(other)
        keys = dict.fromkeys((*params, *own))
        changed = {k: (params.get(k), own.get(k)) for k in keys if params.get(k) != own.get(k)}
        verdict = _verdict(reference, first, other, figures)
        short = short_changes(params, own)
        runs.append(Run(other.name, other.commit, changed, short, figures, verdict))
    return runs


def read_figures(run: Experiment) -> Figures:
    """What git has of a run's figures."""
    metrics: dict[str, Any] = {}
    for stage, path in _METRICS.items():
        if is_complete(run, stage):
            metrics |= read_json(run, path.as_posix()) or {}
    known: dict[str, Any] = {}
    if is_complete(run, "evaluate"):
        known = read_json(run, record(SLICES / f"{FINETUNED}.csv").as_posix()) or {}
    trained = read_json(run, record(ADAPTER).as_posix()) if "eval_loss" in metrics else None
    runtime = trained["train_runtime"] if trained else None
    return Figures(metrics, headline(known), tuple(headline(known, views=False)), runtime)


def flat_params(run: Experiment) -> dict[str, Any]:
    """params.yaml of a run by dotted keys."""
    return flatten(parse_yaml(read_file(run, "params.yaml") or "", f"params.yaml of {run.name}"))


def _verdict(reference: Experiment, first: Figures, run: Experiment, own: Figures) -> str:
    """What the sample shows of each main figure, or why there is nothing to say."""
    for name, figures in ((reference.name, first), (run.name, own)):
        if not figures.rates:
            return f"no results of {name}"
    if reasons := unlike(first.metrics, own.metrics):
        return f"not comparable: {'; '.join(reasons)}"
    try:
        rows = compare(read_outcomes(reference.commit), read_outcomes(run.commit)).rows
    except (ValueError, StageError) as error:
        return f"not compared: {error}"
    shown = [row for row in rows if row.verdict in {"better", "worse"}]
    parts = [f"{row.verdict}: {row.benchmark} {row.measure}" for row in shown]
    caution = other_judge(first.metrics, own.metrics)
    return "; ".join([*(parts or ["no difference shown"]), *filter(None, [caution])])
