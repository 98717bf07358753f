"""calibrate: reference solutions through the judge → what is scorable here, and in what time."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from ketune.judge import Verdict
from ketune.params import load_params
from ketune.runtime import stage_main, write_json
from ketune.tasks.benchmarks import Task, load_tasks
from ketune.verdicts.calibration import (
    BenchmarkCalibration,
    calibrate,
    check_ceilings,
    reference_programs,
    write_calibration,
)
from ketune.verdicts.judging import environment, judged

CALIBRATION = Path("data/calibration.json")
METRICS = Path("metrics/calibration.json")
_SLOWEST = 5


def main() -> None:
    """Run every reference solution several times; write the calibration and its figures."""
    params = load_params()
    tasks = load_tasks(params.benchmarks)
    evaluation = params.evaluation
    programs = reference_programs(tasks, evaluation)
    with judged(programs, evaluation, "calibrate", evaluation.calibration_runs) as runs:
        calibrated = calibrate(tasks, runs, evaluation)
        found = environment()
        for name, part in calibrated.items():
            _print(name, part)
        check_ceilings(calibrated, evaluation.ceilings, found["graphviz"])
        figures: dict[str, Any] = {
            name: _figures(part, [t for t in tasks if t.benchmark == name], runs)
            for name, part in calibrated.items()
        }
        provenance = {
            "runs": evaluation.calibration_runs,
            "timeout_s": evaluation.calibration_timeout,
            "memory_mb": evaluation.memory_mb,
            "versions": found,
        }
        write_json(METRICS, figures | {"provenance": provenance})
        write_calibration(CALIBRATION, calibrated)


def _figures(
    part: BenchmarkCalibration, tasks: Sequence[Task], runs: Sequence[Sequence[Verdict]]
) -> dict[str, Any]:
    """The ceiling of one benchmark and its times (wall seconds of the slowest run a task).

    What belongs to a task is in lists, which `dvc exp show` makes no columns of.
    """
    own = {task.task_id for task in tasks}
    seconds: dict[str, float] = {}
    for verdict in (v for run in runs for v in run if v.task_id in own and v.outcome == "passed"):
        seconds[verdict.task_id] = max(verdict.seconds, seconds.get(verdict.task_id, 0.0))
    slowest = sorted(seconds, key=lambda task_id: -seconds[task_id])[:_SLOWEST]
    return {
        "code_tasks": sum(task.type != "qa" for task in tasks),
        "ceiling": len(part["scorable"]),
        "without_reference": len(part["assumed"]),
        "flaky": [f"{task_id}: {reason}" for task_id, reason in part["flaky"].items()],
        "unscorable": [f"{task_id}: {reason}" for task_id, reason in part["unscorable"].items()],
        "seconds_median": round(median(seconds.values()), 3) if seconds else None,
        "seconds_slowest": [f"{task_id}: {seconds[task_id]:.1f}" for task_id in slowest],
        "limits_s": [f"{task_id}: {limit:g}" for task_id, limit in part["limits"].items()],
    }


def _print(name: str, part: BenchmarkCalibration) -> None:
    passing, failing = len(part["scorable"]), len(part["flaky"]) + len(part["unscorable"])
    print(f"{name}: {passing} of {passing + failing} reference solutions pass")
    if part["assumed"]:
        print(f"  {len(part['assumed'])} tasks without a reference count as scorable")
    for kind, failures in (("flaky", part["flaky"]), ("unscorable", part["unscorable"])):
        for task_id, reason in failures.items():
            print(f"  {kind} {task_id}: {reason}")


if __name__ == "__main__":
    stage_main(main)
