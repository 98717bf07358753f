"""The stage as it is run: what it writes, that kills change nothing, and how it fails."""

import json
import random
import re
from pathlib import Path

import pytest

from ketune.runtime import StageError
from stages import calibrate
from tests.scoring.project import kill_while_judging, make_project, task

CALIBRATION = Path("data/calibration.json")
SLOW = "    import time\n    time.sleep(1.3)\n    return x + 5"
WRONG = {16: "    return x"}


def test_the_stage_tells_what_is_scorable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [task(i) for i in range(3)] + [task(3, "    return x"), task(4, ""), task(5, SLOW)]
    limits = {"timeout": 2.0, "timeout_factor": 2.0, "calibration_timeout": 20.0}
    make_project(tmp_path, rows, monkeypatch, **limits, calibration_runs=2)
    calibrate.main()
    (calibrated,) = json.loads(CALIBRATION.read_text()).values()
    assert calibrated["scorable"] == ["small/0", "small/1", "small/2", "small/5"]
    assert list(calibrated["unscorable"]) == ["small/3"]
    assert calibrated["unscorable"]["small/3"].startswith("wrong_answer: ")
    assert calibrated["assumed"] == ["small/4"]
    assert list(calibrated["limits"]) == ["small/5"]
    output = capsys.readouterr().out
    assert "small: 4 of 5 reference solutions pass" in output
    assert "1 tasks without a reference count as scorable" in output
    assert "unscorable small/3: wrong_answer" in output
    metrics = json.loads(Path("data/calibration.record.json").read_text())
    assert metrics["small"]["ceiling"] == 4
    assert next(iter(json.loads(Path("runs/calibration.json").read_text()))) == "small/5"
    assert list(metrics["small"]["unscorable"]) == ["small/3"]
    named = json.loads(Path("metrics/calibration.json").read_text())
    assert re.fullmatch(r"small@[0-9a-f]{7}", named["benchmark_set"])
    assert re.fullmatch(r"qiskit-[0-9.]+@[0-9a-f]{7}", named["judge"])
    assert metrics["provenance"]["runs"] == 2
    assert "graphviz" in metrics["provenance"]["versions"]


def test_kills_change_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [task(i, WRONG.get(i), pause=0.2) for i in range(17)]
    make_project(tmp_path / "killed", rows, monkeypatch, calibration_runs=2)
    generator = random.Random(7)
    for _ in range(2):
        kill_while_judging("stages.calibrate", after=generator.uniform(0, 1.5))
        assert not CALIBRATION.exists()
    calibrate.main()
    resumed = CALIBRATION.read_bytes()
    make_project(tmp_path / "whole", rows, monkeypatch, calibration_runs=2)
    calibrate.main()
    assert CALIBRATION.read_bytes() == resumed


def test_a_lower_ceiling_stops_the_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [task(0), task(1, "    return x")]
    make_project(
        tmp_path,
        rows,
        monkeypatch,
        calibration_runs=1,
        ceilings=[{"benchmark": "small", "passing": 2}],
    )
    with pytest.raises(StageError, match="small/1: wrong_answer"):
        calibrate.main()
    assert not CALIBRATION.exists()
