"""Reference solutions, run as completions are: what can be scored here, and in what time."""

from collections.abc import Sequence
from math import ceil, log2

from ketune.calibration.record import Calibration
from ketune.completions.programs import build_program
from ketune.judge import Program, Verdict
from ketune.params.schema import Ceiling, EvaluationParams
from ketune.runtime import StageError
from ketune.tasks.benchmarks import Task


def reference_programs(tasks: Sequence[Task], params: EvaluationParams) -> list[Program]:
    """The program of every code task that has a reference solution.

    The rules are the default ones whatever `stitching` says: a task's worth is not theirs.
    """
    return [
        build_program(task, task.reference, rules="ketune", timeout=params.calibration_timeout)
        for task in tasks
        if task.type != "qa" and task.reference.strip()
    ]


def calibrate(
    tasks: Sequence[Task], runs: Sequence[Sequence[Verdict]], params: EvaluationParams
) -> Calibration:
    """Calibration of every benchmark from the verdicts of its reference solutions, run by run."""
    by_task: dict[str, list[Verdict]] = {}
    for run in runs:
        for verdict in run:
            by_task.setdefault(verdict.task_id, []).append(verdict)
    calibrated: Calibration = {}
    for task in tasks:
        part = calibrated.setdefault(
            task.benchmark,
            {"scorable": [], "assumed": [], "flaky": {}, "unscorable": {}, "limits": {}},
        )
        if task.type == "qa":
            continue
        verdicts = by_task.get(task.task_id, [])
        failures = [v for v in verdicts if v.outcome != "passed"]
        if not verdicts:
            part["assumed"].append(task.task_id)
        elif not failures:
            part["scorable"].append(task.task_id)
        elif len(failures) == len(verdicts):
            part["unscorable"][task.task_id] = _reason(failures[0])
        else:
            part["flaky"][task.task_id] = _reason(failures[0])
        slowest = max((v.seconds for v in verdicts if v.outcome == "passed"), default=0.0)
        if (limit := time_limit(slowest, params)) > params.timeout:
            part["limits"][task.task_id] = limit
    return calibrated


def time_limit(reference_seconds: float, params: EvaluationParams) -> float:
    """Seconds for a task whose reference takes so long: `timeout`, doubled until it is at least
    `timeout_factor` times that. Doubled, so that measured times give the same limit on every run.
    """
    wanted = max(params.timeout, params.timeout_factor * reference_seconds)
    return params.timeout * float(2 ** ceil(log2(wanted / params.timeout)))


def check_ceilings(calibrated: Calibration, ceilings: Sequence[Ceiling], graphviz: str) -> None:
    """Raises StageError naming the failing tasks if fewer references pass than is recorded."""
    known = {ceiling.benchmark: ceiling.passing for ceiling in ceilings}
    for name, part in calibrated.items():
        recorded = known.get(name, 0)
        if len(part["scorable"]) >= recorded:
            continue
        failing = part["unscorable"] | {k: f"flaky: {v}" for k, v in part["flaky"].items()}
        listed = "; ".join(f"{task_id}: {_short(reason)}" for task_id, reason in failing.items())
        remedy = "install what they miss (`make env` for Python packages"
        remedy += ", Debian's graphviz for `dot`)" if graphviz == "absent" else ")"
        raise StageError(
            f"{name}: {len(part['scorable'])} reference solutions pass, evaluation.ceilings "
            f"records {recorded}: {remedy}, or record the lower ceiling. Failing: {listed}"
        )


def _reason(verdict: Verdict) -> str:
    return f"{verdict.outcome}: {verdict.detail}" if verdict.detail else verdict.outcome


def _short(reason: str, length: int = 90) -> str:
    return reason if len(reason) <= length else f"{reason[:length]}…"
