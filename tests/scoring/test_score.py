"""Scoring a file from elsewhere: one command, on a machine that has nothing of the graph."""

import gzip
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from ketune.commands import score
from ketune.runtime import StageError
from stages import calibrate
from tests.scoring.project import BENCHMARK, REPOSITORY, make_project, task

FILE = Path("elsewhere/model-x.jsonl")
WITHOUT = """
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    names = {"torch", "swift", "transformers", "peft", "vllm", "datasets", "pyarrow", "dvc"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from ketune.commands.score import main
main()
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path, [task(0), task(1), task(2, "    return x")], monkeypatch)


def write(rows: list[dict[str, Any]]) -> None:
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text("".join(json.dumps(row) + "\n" for row in rows))


def answers(name: str = "small", samples: int = 1) -> list[dict[str, Any]]:
    """Task 0 is right in every sample, task 1 in the first, task 2 never."""
    added = {0: [0] * samples, 1: [1] + [0] * (samples - 1), 2: [0] * samples}
    return [
        {
            "task_id": f"{name}/{number}",
            "completion": f"```python\ndef add_{number}(x):\n    return math.floor(x) + {n}\n```",
            "sample": sample,
            "model": "x",
        }
        for number, numbers in added.items()
        for sample, n in enumerate(numbers)
    ]


def run(*arguments: str) -> None:
    score.main([str(FILE), *arguments])


def test_one_command_needs_neither_gpu_nor_graph() -> None:
    write(answers())
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(FILE)],
        env={"PYTHONPATH": str(REPOSITORY), "KETUNE_CACHE": "cache", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "pass@1  66.7 % [20.8, 93.9]" in result.stdout
    assert "outcomes: passed 2, wrong_answer 1" in result.stdout
    assert "Not calibrated" in result.stdout
    rows = FILE.with_name("model-x.outcomes.jsonl").read_text().splitlines()
    assert [json.loads(row)["outcome"] for row in rows] == ["passed", "passed", "wrong_answer"]


def test_samples_rules_and_calibration(capsys: pytest.CaptureFixture[str]) -> None:
    calibrate.main()
    write(answers(samples=5))
    run("--out", "scores")
    scores = json.loads(Path("scores/model-x.scores.json").read_text())
    code = scores["small"]["code"]["all"]
    assert (code["pass_at_1"], code["pass_at_5"]) == (
        pytest.approx(0.4),
        pytest.approx(2 / 3, 1e-5),
    )
    assert "1 tasks are not scorable" in capsys.readouterr().out
    rows = Path("scores/model-x.outcomes.jsonl").read_text().splitlines()
    assert {json.loads(row)["task_id"]: json.loads(row)["scorable"] for row in rows} == {
        "small/0": True,
        "small/1": True,
        "small/2": False,
    }
    # The original rules drop the stub's imports from an answer that is a whole function.
    run("--out", "scores", "--stitching", "seed")
    scores = json.loads(Path("scores/model-x.scores.json").read_text())
    assert scores["small"]["code"]["all"]["pass_at_1"] == 0
    assert scores["provenance"]["judge"]["stitching"] == "seed"


def test_ids_of_the_benchmarks_own_file_need_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    write([row | {"task_id": f"mine{i}"} for i, row in enumerate(answers())])
    with pytest.raises(StageError, match="--benchmark small"):
        run()
    rows = [task(i) | {"task_id": f"mine{i}"} for i in range(3)]
    make_project(Path("other").absolute(), rows, monkeypatch)
    write([row | {"task_id": f"mine{i}"} for i, row in enumerate(answers())])
    run("--benchmark", "small")
    assert FILE.with_name("model-x.scores.json").exists()


def test_what_is_wrong_is_one_line() -> None:
    with pytest.raises(StageError, match="not found"):
        run()
    write(answers())
    with pytest.raises(StageError, match=r"--benchmark none: params\.yaml has small"):
        run("--benchmark", "none")
    with pytest.raises(StageError, match=r"--benchmark small=/nope: no such file; give that of"):
        run("--benchmark", "small=/nope")
    with pytest.raises(StageError, match=r"--benchmark small=: no such file"):
        run("--benchmark", "small=")
    with pytest.raises(StageError, match=r"--benchmark small: given twice"):
        run("--benchmark", f"small={BENCHMARK}", "--benchmark", "small")
    write(answers()[:2])
    with pytest.raises(StageError, match="no completion of small/2"):
        run()
    write([])
    with pytest.raises(StageError, match="it holds no completions"):
        run()
    write([{"task_id": "x", "completion": ""}])
    with pytest.raises(StageError, match="no task_id starts with a benchmark's name"):
        run()
    FILE.write_text('{"task_id": "small/0"\n')
    with pytest.raises(StageError, match=r"model-x\.jsonl:1: not JSON") as failure:
        run()
    assert "stage" not in str(failure.value)


def test_a_directory_that_cannot_be_written_is_found_before_judging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(answers())
    monkeypatch.setattr(score, "judged_completions", None)
    with pytest.raises(StageError, match=r"requirements\.lock: cannot be written \(File exists\)"):
        run("--out", "requirements.lock")


def test_the_dataset_is_no_file_of_tasks() -> None:
    write(answers())
    apply_overrides("params.yaml", ["benchmarks=[{name:dataset}]"])
    with pytest.raises(StageError, match="--benchmark dataset=x: dataset is the prepared test spl"):
        run("--benchmark", "dataset=x")


def test_a_subset_says_in_every_line_how_many_of_how_many(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(answers()[:2])
    with pytest.raises(StageError, match=r"no completion of small/2 .*--subset"):
        run()
    run("--subset")
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "2 of 3 tasks" not in line] == []
    assert "pass@1 100.0 %" in lines[0]
    scores = json.loads(FILE.with_name("model-x.scores.json").read_text())
    assert scores["subset"] == {"small": {"tasks": 2, "of": 3}}
    assert scores["small"]["code"]["all"]["tasks"] == 2
    write(answers())
    run()
    assert " of 3 tasks" not in capsys.readouterr().out
    assert "subset" not in json.loads(FILE.with_name("model-x.scores.json").read_text())


def test_a_compressed_file_and_a_completion_that_cannot_be_read() -> None:
    write(
        [row | {"completion": "x" * 2_000_001} if not i else row for i, row in enumerate(answers())]
    )
    packed = FILE.with_name("model-x.jsonl.gz")
    packed.write_bytes(gzip.compress(FILE.read_bytes()))
    score.main([str(packed)])
    rows = [
        json.loads(line)
        for line in FILE.with_name("model-x.outcomes.jsonl").read_text().splitlines()
    ]
    assert [row["outcome"] for row in rows] == ["no_code", "passed", "wrong_answer"]
    assert "2000001 characters" in rows[0]["detail"]


def test_what_scoring_needs_is_locked_and_small() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    names = (re.split(r"[=>]", one)[0] for one in project["project"]["dependencies"])
    needed = {name.replace(".", "-") for name in names}
    lock = (REPOSITORY / "requirements.lock").read_text()
    assert [name for name in needed if f"\n{name}==" not in f"\n{lock}"] == []
    assert not {"torch", "ms-swift", "vllm", "dvc"} & needed
