"""`ketune pr` and `ketune runs` on branches of a real repository, whose stages write figures."""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.comparison.test_compare import command
from tests.comparison.test_pairs import run

TASKS = 300
STAGES = {
    "prepare": ("rows", "metrics/data.json"),
    "train": ("rank", "metrics/train.json models/adapter.record.json metrics/curve_eval.csv"),
    "calibrate": ("revision judge", "metrics/calibration.json"),
    "evaluate": (
        "rank passed",
        "metrics/slices/finetuned.csv metrics/slices/finetuned.record.json",
    ),
    "report": ("model", "metrics/report.json"),
}
MAKE = """
import json, sys, yaml
from pathlib import Path
sys.path.insert(0, "REPOSITORY")
from ketune.scoring.summary import summarise
from ketune.scoring.slices import write_slices
p = yaml.safe_load(Path("params.yaml").read_text())
def write(path, value):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(value if isinstance(value, str) else json.dumps(value))
stage = sys.argv[1]
if stage == "prepare":
    write("metrics/data.json", {"dataset": f"rows@{p['rows']}", "quarantined_rows": p["rows"]})
elif stage == "train":
    write("metrics/train.json", {"eval_loss": 1 / p["rank"], "overfitting_gap": 0.01, "mfu": 0.4})
    write("models/adapter.record.json", {"train_runtime": 1080.0})
    write("metrics/curve_eval.csv", "step,eval_loss\\n0,1.5\\n20,0.7\\n40,0.5\\n")
elif stage == "calibrate":
    names = {"benchmark_set": f"dataset@{p['revision']}", "judge": f"q@{p['judge']}"}
    write("metrics/calibration.json", names)
elif stage == "evaluate":
    rows = json.loads(Path("rows.json").read_text())
    for number, row in enumerate(rows):
        row["outcome"] = "passed" if number in p["passed"] else "wrong_answer"
        row["category"] = "circuits" if number % 2 else "noise"
    write("data/outcomes/finetuned.jsonl", "".join(json.dumps(r) + "\\n" for r in rows))
    write("metrics/slices/finetuned.record.json", summarise(rows, [1]))
    write_slices(Path("metrics/slices/finetuned.csv"), "finetuned", rows)
else:
    write("metrics/report.json", {"profile": p["model"]})
"""
# By branch: what it changes of params.yaml.
BRANCHES: dict[str, dict[str, object]] = {
    "better": {"rank": 64, "passed": list(range(20, 200))},
    "noise": {"passed": list(range(2, 103))},
    "revised": {"revision": 2},
    "full": {"model": "full"},
    "rejudged": {"judge": 2},
    "code": {},
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """main and BRANCHES, each with its results, and `empty`, which has none."""
    root = tmp_path_factory.mktemp("repository")
    (root / "make.py").write_text(MAKE.replace("REPOSITORY", str(Path(__file__).parents[2])))
    (root / "profiles").mkdir()
    (root / "profiles/smoke.yaml").write_text("model: smoke\n")
    (root / "rows.json").write_text(json.dumps(run("dataset", [], TASKS)))
    params: dict[str, object] = {
        "rank": 32,
        "passed": list(range(100)),
        "rows": 7,
        "revision": 1,
        "judge": 1,
        "model": "smoke",
    }
    (root / "params.yaml").write_text(json.dumps(params))
    graph: dict[str, Any] = {}
    for stage, (keys, outs) in STAGES.items():
        kept: dict[str, list[Any]] = {"metrics": [], "outs": []}
        for out in outs.split():
            kind = "metrics" if out.startswith("metrics/") and out.endswith(".json") else "outs"
            kept[kind].append({out: {"cache": False}})
        if stage == "evaluate":
            kept["outs"].append("data/outcomes/finetuned.jsonl")
        command_line = f"{sys.executable} make.py {stage}"
        graph[stage] = {"cmd": command_line, "deps": ["make.py"], "params": keys.split(), **kept}
    (root / "dvc.yaml").write_text(json.dumps({"stages": graph}))

    def git(*steps: str) -> None:
        for step in steps:
            done = command(root, *step.split())
            assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}"

    git("git init -q -b main", "dvc init -q", "git add -A", "git commit -qm none", "git tag empty")
    git("dvc repro -q", "git add -A", "git commit -qm main")
    for branch, changes in BRANCHES.items():
        git(f"git checkout -q -b {branch} main")
        (root / "params.yaml").write_text(json.dumps(params | changes))
        if branch == "code":
            (root / "make.py").write_text((root / "make.py").read_text() + "\n")
        git("dvc repro -q", "git add -A", f"git commit -qm {branch}")
    git("git checkout -q main", "dvc checkout -q")
    return root


def ketune(root: Path, *arguments: str) -> str:
    done = command(root, sys.executable, "-m", "ketune", *arguments)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout) < 65_536
    return done.stdout


def test_an_improvement_is_called_better_and_its_tasks_are_listed(repository: Path) -> None:
    text = ketune(repository, "pr", "main", "better")
    assert "## Ketune: better against main" in text
    assert "- dataset, pass@1: **better**; +26.7 pp [" in text
    assert "won 100, lost 20" in text
    assert "dataset, lost by b: 0 1 2 3 4 5 6 7 8 9 10 11 and 8 more" in text
    assert "| `rank` | 32 | 64 |" in text
    assert "| train | rank |" in text
    assert "| evaluate | passed, rank |" in text or "| evaluate | rank, passed |" in text
    assert "| eval_loss | 0.03125 | 0.015625 | -0.01562 |" in text
    assert "eval_loss, better  1.5000  █▂▁  0.5000" in text
    assert "circuits" in text


def test_noise_is_not_called_a_change(repository: Path) -> None:
    text = ketune(repository, "pr", "main", "noise")
    assert "- dataset, pass@1: **no difference shown (this sample shows differences above" in text
    assert "**better**" not in text


def test_what_is_unlike_is_not_compared(repository: Path) -> None:
    for branch, reason in (
        ("revised", "benchmark_set: dataset@1 -> dataset@2"),
        ("full", "profile: smoke -> full"),
    ):
        text = ketune(repository, "pr", "main", branch)
        assert f"**Not comparable**\n\n- {reason}" in text
        assert "pp [" not in text
        # Both sides' figures are shown, and no change of one is.
        assert "| dataset_pass@1, % | 33.3 [28.2, 38.8] | 33.3 [28.2, 38.8] |  |" in text


def test_edited_code_is_named_with_the_stages_that_ran_for_it(repository: Path) -> None:
    text = ketune(repository, "pr", "main", "code")
    assert "No parameter." in text
    assert "| train | make.py |" in text
    assert "- `make.py`" in text


def test_a_side_without_results_names_the_command(repository: Path) -> None:
    text = ketune(repository, "pr", "empty", "better")
    assert "empty has no results" in text
    assert "ketune pr empty better --run" in text


def test_runs_are_a_table_with_verdicts(repository: Path) -> None:
    header, *rows = ketune(repository, "runs", "better", "noise", "full").splitlines()
    assert header.split()[:4] == ["run", "changed", "eval_loss", "gap"]
    shown = dict(zip(["HEAD", "better", "noise", "full"], rows, strict=True))
    assert shown["HEAD"].endswith("reference")
    assert shown["better"].endswith("better: dataset pass@1")
    assert "60.0 [54.4, 65.4]" in shown["better"]
    assert shown["noise"].endswith("no difference shown")
    assert shown["full"].endswith("not comparable: profile: smoke -> full")
    table = list(csv.DictReader(io.StringIO(ketune(repository, "runs", "better", "--csv"))))
    assert [row["runtime_s"] for row in table] == ["1080.0", "1080.0"]
    assert float(table[1]["dataset_pass@1_low"]) == pytest.approx(54.37, abs=0.02)
    _, run = json.loads(ketune(repository, "runs", "better", "--json"))
    assert run["changed"]["rank"] == [32, 64]
    assert run["figures"]["rates"]["dataset_pass@1"]["estimate"] == 60.0


def test_a_wrong_name_is_one_line(repository: Path) -> None:
    done = command(repository, sys.executable, "-m", "ketune", "runs", "nope")
    assert done.returncode == 1
    assert done.stderr.startswith("error: nope is no experiment and no git revision")


def test_compare_refuses_other_benchmarks(repository: Path) -> None:
    done = command(repository, sys.executable, "-m", "ketune", "compare", "main", "revised")
    assert done.returncode == 1
    assert "evaluated on other benchmarks (dataset@1 and dataset@2)" in done.stderr


def test_another_judge_is_a_caution(repository: Path) -> None:
    text = ketune(repository, "pr", "main", "rejudged")
    assert "- two judges gave the verdicts (q@1 -> q@2): they may be what differs" in text
    assert "- dataset, pass@1: **no difference shown" in text


def test_missing_results_are_made_at_laptop_scale(repository: Path) -> None:
    """Of a commit without results and of one at full scale, in clones, once."""
    text = ketune(repository, "pr", "empty", "full", "--run")
    assert "- dataset, pass@1: **no difference shown" in text
    assert "profile smoke" in text
    assert command(repository, "git", "status", "--short").stdout == ""
    names = command(repository, "dvc", "exp", "list", "--all-commits", "--name-only").stdout.split()
    assert len(names) == 2
    assert all(name.startswith("smoke-") for name in names)
    done = command(repository, sys.executable, "-m", "ketune", "pr", "empty", "full", "--run")
    assert (done.stdout, "Running stage" in done.stderr) == (text, False)
    # They are there for the plain command too.
    assert ketune(repository, "pr", "empty", "full") == text
