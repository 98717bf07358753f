"""calibrate: reference solutions through the judge → what is scorable here, and in what time."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from ketune.calibration.record import BenchmarkCalibration, write_calibration
from ketune.calibration.references import calibrate, check_ceilings, reference_programs
from ketune.judge import Verdict
from ketune.params import load_params
from ketune.paths import CALIBRATION, CALIBRATION_METRICS, RUNS, record
from ketune.runtime import stage_main, write_json
from ketune.tasks.benchmarks import load_tasks, short_name
from ketune.verdicts.judging import environment, judge_name, judged

# Of no out: times differ from run to run, and every stage behind would run again for them.
TIMES = RUNS / "calibration.json"


def main() -> None:
    """Run every reference solution several times; write the calibration and its figures."""
    params = load_params()
    tasks = load_tasks(params.benchmarks)
    evaluation = params.evaluation
    programs = reference_programs(tasks, evaluation)
    with judged(programs, evaluation, "calibrate", evaluation.calibration_runs) as runs:
        calibrated = calibrate(tasks, runs, evaluation)
        found = environment()
        seconds = _slowest_runs(runs)
        for name, part in calibrated.items():
            _print(name, part, [seconds[task_id] for task_id in part["scorable"]])
        check_ceilings(calibrated, evaluation.ceilings, found["graphviz"])
        figures: dict[str, Any] = {name: _figures(part) for name, part in calibrated.items()}
        provenance = {
            "runs": evaluation.calibration_runs,
            "timeout_s": evaluation.calibration_timeout,
            "memory_mb": evaluation.memory_mb,
            "versions": found,
        }
        write_json(TIMES, seconds)
        write_json(record(CALIBRATION), figures | {"provenance": provenance})
        names = {"benchmark_set": short_name(tasks), "judge": judge_name()}
        write_json(CALIBRATION_METRICS, names)
        write_calibration(CALIBRATION, calibrated)


def _slowest_runs(runs: Sequence[Sequence[Verdict]]) -> dict[str, float]:
    """Wall seconds of every passing reference in its slowest run, the slowest task first."""
    seconds: dict[str, float] = {}
    for verdict in (v for run in runs for v in run if v.outcome == "passed"):
        seconds[verdict.task_id] = max(round(verdict.seconds, 3), seconds.get(verdict.task_id, 0.0))
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))


def _figures(part: BenchmarkCalibration) -> dict[str, Any]:
    """The ceiling of one benchmark."""
    groups = (part["scorable"], part["assumed"], part["flaky"], part["unscorable"])
    return {
        "code_tasks": sum(map(len, groups)),
        "ceiling": len(part["scorable"]),
        "without_reference": len(part["assumed"]),
        "flaky": part["flaky"],
        "unscorable": part["unscorable"],
        "limits_s": part["limits"],
    }


def _print(name: str, part: BenchmarkCalibration, seconds: Sequence[float]) -> None:
    passing, failing = len(part["scorable"]), len(part["flaky"]) + len(part["unscorable"])
    print(f"{name}: {passing} of {passing + failing} reference solutions pass")
    if seconds:
        print(f"  median {median(seconds):.2f} s, slowest {max(seconds):.1f} s; all in {TIMES}")
    if part["assumed"]:
        print(f"  {len(part['assumed'])} tasks without a reference count as scorable")
    for kind, failures in (("flaky", part["flaky"]), ("unscorable", part["unscorable"])):
        for task_id, reason in failures.items():
            print(f"  {kind} {task_id}: {reason}")


if __name__ == "__main__":
    stage_main(main)
