"""data/calibration.json: what the judge can score here, by the reference solutions.

A task is scorable when its reference passes in every run. One that passes in some is flaky, one
that passes in none unscorable: neither says anything about a model. A task without a reference is
assumed to be scorable.
"""

from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from ketune.runtime import StageError, write_json
from ketune.tasks.benchmarks import Task


@with_config(ConfigDict(extra="forbid", strict=True))
class BenchmarkCalibration(TypedDict):
    """The code tasks of one benchmark by id, in their order; each is in one of the first four.

    `unscorable` and `flaky` hold the reference's failure. `limits` has the seconds of those tasks
    that get more than `evaluation.timeout`.
    """

    scorable: list[str]
    assumed: list[str]
    flaky: dict[str, str]
    unscorable: dict[str, str]
    limits: dict[str, float]


Calibration = dict[str, BenchmarkCalibration]

_CALIBRATION = TypeAdapter(Calibration)


def is_scorable(calibrated: Calibration | None, task: Task) -> bool:
    """Whether a failure on `task` is the model's; assumed without a calibration.

    Raises StageError for a code task that the calibration does not know.
    """
    if calibrated is None or task.type == "qa":
        return True
    part = calibrated.get(task.benchmark)
    if part is not None:
        if task.task_id in part["scorable"] or task.task_id in part["assumed"]:
            return True
        if task.task_id in part["flaky"] or task.task_id in part["unscorable"]:
            return False
    raise StageError(f"{task.task_id} is not calibrated; run calibrate again (dvc repro calibrate)")


def limit_of(calibrated: Calibration | None, task: Task, timeout: float) -> float:
    """Seconds that a completion of `task` may take: `timeout`, or more if it is listed."""
    limits = (calibrated or {}).get(task.benchmark, {"limits": {}})["limits"]
    return limits.get(task.task_id, timeout)


def read_calibration(path: Path) -> Calibration:
    """Raises StageError: no such file, or not a calibration."""
    if not path.is_file():
        raise StageError(f"{path} not found; run the calibrate stage (dvc repro calibrate)")
    try:
        return _CALIBRATION.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise StageError(f"{path}: {field}: {first['msg']}; run calibrate again") from None


def write_calibration(path: Path, calibrated: Calibration) -> None:
    """Write it as JSON, atomically."""
    write_json(path, calibrated)
