"""What calibration concludes from reference solutions, and what others read from it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketune.calibration.record import (
    is_scorable,
    limit_of,
    read_calibration,
    write_calibration,
)
from ketune.calibration.references import (
    calibrate,
    check_ceilings,
    reference_programs,
    time_limit,
)
from ketune.judge import Outcome, Verdict
from ketune.params.schema import Ceiling, EvaluationParams
from ketune.runtime import StageError
from ketune.tasks.benchmarks import Task

PARAMS = EvaluationParams(
    timeout=20.0,
    timeout_factor=4.0,
    calibration_timeout=100.0,
    calibration_runs=2,
    memory_mb=1024,
    stitching="seed",
    pass_at=[1],
    ceilings=[],
)
TEST = "def check(candidate):\n    assert candidate() == 1\n"


def ceilings(**passing: int) -> list[Ceiling]:
    return [Ceiling(benchmark=name, passing=count) for name, count in passing.items()]


def task(number: int, reference: str = "    return 1", kind: str = "function_completion") -> Task:
    assert kind in ("function_completion", "qa")
    return Task(
        f"b/{number}",
        "b",
        "qa" if kind == "qa" else "function_completion",
        "",
        "def f():\n    pass\n",
        (),
        TEST,
        "f",
        reference,
        False,
    )


def verdict(number: int, outcome: Outcome, seconds: float = 0.1, detail: str = "") -> Verdict:
    return Verdict(f"b/{number}", outcome, detail, seconds)


TASKS = [task(1), task(2), task(3), task(4, reference=" "), task(5, kind="qa")]
RUNS = [
    [verdict(1, "passed", 6.0), verdict(2, "wrong_answer", detail="why"), verdict(3, "passed")],
    [verdict(1, "passed", 1.0), verdict(2, "wrong_answer", detail="why"), verdict(3, "timeout")],
]


def test_every_code_task_is_of_one_kind() -> None:
    assert calibrate(TASKS, RUNS, PARAMS) == {
        "b": {
            "scorable": ["b/1"],
            "assumed": ["b/4"],
            "flaky": {"b/3": "timeout"},
            "unscorable": {"b/2": "wrong_answer: why"},
            "limits": {"b/1": 40.0},
        }
    }


def test_references_run_under_the_generous_limit_and_the_default_rules() -> None:
    programs = reference_programs(TASKS, PARAMS)
    assert [p.task_id for p in programs] == ["b/1", "b/2", "b/3"]
    assert {p.timeout for p in programs} == {100.0}
    whole = task(9, reference="def f():\n    return math.pi")
    stub = Task(**{**vars(whole), "question": "import math\ndef f():\n    pass\n"})
    (program,) = reference_programs([stub], PARAMS)
    assert "import math" in program.code  # the rules called seed would drop it


@given(st.floats(0.0, 1e4))
def test_a_limit_covers_the_factor_and_never_falls_below_the_floor(seconds: float) -> None:
    limit = time_limit(seconds, PARAMS)
    assert limit >= PARAMS.timeout
    assert limit >= PARAMS.timeout_factor * seconds * (1 - 1e-9)
    assert limit == PARAMS.timeout or limit < 2 * PARAMS.timeout_factor * seconds


def test_measured_times_that_differ_a_little_give_one_limit() -> None:
    assert {time_limit(seconds, PARAMS) for seconds in (5.5, 6.0, 7.0, 9.0)} == {40.0}
    assert {time_limit(seconds, PARAMS) for seconds in (0.0, 0.2, 4.9)} == {20.0}


def test_scorable_and_limits_by_task() -> None:
    calibrated = calibrate(TASKS, RUNS, PARAMS)
    assert [is_scorable(calibrated, t) for t in TASKS] == [True, False, False, True, True]
    assert [limit_of(calibrated, t, 20.0) for t in TASKS] == [40.0, 20.0, 20.0, 20.0, 20.0]
    assert is_scorable(None, task(9))
    assert limit_of(None, task(9), 20.0) == 20.0
    with pytest.raises(StageError, match="b/9 is not calibrated; run calibrate again"):
        is_scorable(calibrated, task(9))


def test_a_ceiling_below_its_record_names_tasks_reasons_and_what_to_install() -> None:
    calibrated = calibrate(TASKS, RUNS, PARAMS)
    check_ceilings(calibrated, ceilings(b=1, c=5), "absent")
    with pytest.raises(StageError) as raised:
        check_ceilings(calibrated, ceilings(b=2), "absent")
    message = str(raised.value)
    assert "b: 1 reference solutions pass, evaluation.ceilings records 2" in message
    assert "b/2: wrong_answer: why" in message
    assert "b/3: flaky: timeout" in message
    assert "graphviz" in message
    assert "\n" not in message
    with pytest.raises(StageError) as raised:
        check_ceilings(calibrated, ceilings(b=2), "2.43.0")
    assert "graphviz" not in str(raised.value)


def test_the_file_survives_and_a_broken_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    calibrated = calibrate(TASKS, RUNS, PARAMS)
    write_calibration(path, calibrated)
    assert read_calibration(path) == calibrated
    path.write_text('{"b": {"scorable": 1}}')
    with pytest.raises(StageError, match=r"calibration\.json: b\.scorable: "):
        read_calibration(path)
    with pytest.raises(StageError, match="not found; run the calibrate stage"):
        read_calibration(tmp_path / "none.json")
