"""evaluate NAME as it is run: what it writes, that kills change nothing, and what it needs."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ketune.runtime import StageError
from stages import calibrate, evaluate, judge
from tests.scoring.project import (
    REPOSITORY,
    kill_while_judging,
    make_project,
    task,
    write_completions,
)

OUTCOMES = Path("data/outcomes/finetuned.jsonl")


def outcomes(path: Path = OUTCOMES) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def evaluate_model(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["stage", name])
    judge.main()
    evaluate.main()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [task(i) for i in range(3)] + [task(3, "    return x")]
    make_project(tmp_path, rows, monkeypatch, calibration_runs=1)
    calibrate.main()
    texts = {f"small/{i}": f"```python\ndef add_{i}(x):\n    return x + 1\n```" for i in range(4)}
    write_completions("finetuned", texts)


@pytest.mark.usefixtures("project")
def test_outcomes_and_figures_of_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate_model("finetuned", monkeypatch)
    assert [(o["task_id"], o["outcome"], o["scorable"]) for o in outcomes()] == [
        ("small/0", "wrong_answer", True),
        ("small/1", "passed", True),
        ("small/2", "wrong_answer", True),
        ("small/3", "wrong_answer", False),
    ]
    metrics = json.loads(Path("metrics/slices/finetuned.record.json").read_text())
    assert metrics["small"]["code"]["all"]["pass_at_1"] == 0.25
    judged = json.loads(Path("data/verdicts/finetuned.record.json").read_text())
    assert judged["provenance"]["stitching"] == "ketune"
    assert judged["outcomes"] == {"passed": 1, "wrong_answer": 3}
    assert metrics["not_applicable"] == {}
    assert json.loads(Path("metrics/finetuned.json").read_text()) == {
        "small_pass@1": 25.0,
        "small_scorable_pass@1": 33.33,
    }
    assert "seconds" not in OUTCOMES.read_text()
    first = OUTCOMES.read_bytes()
    evaluate_model("finetuned", monkeypatch)
    assert OUTCOMES.read_bytes() == first


@pytest.mark.usefixtures("project")
def test_a_baseline_answers_what_applies_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    write_completions("other", {"small/0": "    return x"})
    Path("baselines/other.yaml").write_text("benchmarks: [elsewhere]\n")
    with pytest.raises(StageError, match=r"other\.yaml: benchmarks"):
        evaluate_model("other", monkeypatch)
    Path("baselines/other.yaml").write_text("multimodal: false\n")
    with pytest.raises(StageError, match=r"other: no completion for small/1 \(3 tasks lack one\)"):
        evaluate_model("other", monkeypatch)
    monkeypatch.setattr(sys, "argv", ["evaluate"])
    with pytest.raises(StageError, match=r"usage: python -m stages\.evaluate NAME"):
        evaluate.main()


@pytest.mark.usefixtures("project")
def test_without_a_calibration_there_is_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data/calibration.json").unlink()
    with pytest.raises(StageError, match="run the calibrate stage"):
        evaluate_model("finetuned", monkeypatch)


def test_kills_change_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [task(i, pause=0.2) for i in range(20)]
    make_project(tmp_path, rows, monkeypatch, calibration_runs=1)
    calibrate.main()
    write_completions("finetuned", {f"small/{i}": f"    return x + {max(i, 4)}" for i in range(20)})
    kill_while_judging("stages.judge", "finetuned", after=random.Random(3).uniform(0, 1.0))
    assert not OUTCOMES.exists()
    evaluate_model("finetuned", monkeypatch)
    resumed = OUTCOMES.read_bytes()
    assert sum(o["outcome"] == "passed" for o in outcomes()) == 16
    evaluate_model("finetuned", monkeypatch)
    assert OUTCOMES.read_bytes() == resumed


def test_neither_evaluate_nor_score_nor_calibrate_needs_what_a_gpu_machine_has() -> None:
    heavy = ("torch", "swift", "transformers", "peft", "vllm", "datasets", "pyarrow", "dvc")
    code = (
        "import sys\n"
        "import stages.calibrate, stages.judge, stages.evaluate, ketune.commands.score\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
