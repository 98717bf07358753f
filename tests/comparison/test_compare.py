"""The command: revisions, experiments and files of a real repository."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .test_pairs import run

REPOSITORY = Path(__file__).parents[2]
STAGE = """
import json, yaml
from pathlib import Path
passed = yaml.safe_load(Path("params.yaml").read_text())["passed"]
rows = json.loads(Path("rows.json").read_text())
for number, row in enumerate(rows):
    row["outcome"] = "passed" if number < passed else "wrong_answer"
out = Path("data/outcomes")
out.mkdir(parents=True, exist_ok=True)
base = [{**row, "outcome": "timeout"} for row in rows]
for name, content in (("finetuned", rows), ("base", base)):
    lines = [json.dumps(row) for row in content]
    (out / f"{name}.jsonl").write_text("\\n".join(lines) + "\\n")
"""


def command(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(root),
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONDONTWRITEBYTECODE": "1",
        **{
            f"GIT_{who}_{what}": "t@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    return subprocess.run(
        arguments, cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def compare(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command(root, sys.executable, "-m", "stages.compare", *arguments)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits whose outcomes lie in DVC's cache, and an experiment named rank-64."""
    root = tmp_path_factory.mktemp("repository")
    (root / "make.py").write_text(STAGE)
    (root / "rows.json").write_text(json.dumps(run("dataset", [], 100)))
    (root / "params.yaml").write_text("passed: 20\n")
    (root / "dvc.yaml").write_text(
        f"stages:\n  evaluate:\n    cmd: {sys.executable} make.py\n    deps:\n    - make.py\n"
        "    - rows.json\n    params:\n    - passed\n    outs:\n    - data/outcomes\n"
    )
    for step in (
        "git init -q",
        "dvc init -q",
        "dvc repro -q",
        "git add -A",
        "git commit -qm first",
        "git tag first",
        "dvc exp run -q --name rank-64 -S passed=60",
        "git checkout -q -- .",
        "dvc checkout -q",
    ):
        done = command(root, *step.split())
        assert done.returncode == 0, f"{step}: {done.stderr}"
    return root


def test_an_experiment_against_a_revision(repository: Path) -> None:
    done = compare(repository, "first", "rank-64")
    assert done.returncode == 0, done.stderr
    assert "passed: 20 -> 60" in done.stdout
    assert "dataset, pass@1: better" in done.stdout
    assert "+40.0 [" in done.stdout


def test_models_of_one_revision_and_the_workspace(repository: Path) -> None:
    done = compare(repository, "--json", "HEAD:base", "workspace")
    (main,) = json.loads(done.stdout)["rows"]
    assert (main["a"]["estimate"], main["b"]["estimate"]) == (0.0, 0.2)
    assert len(main["gained"]) == 20


def test_a_file_against_a_revision_as_markdown(repository: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.jsonl"
    theirs.write_text("".join(json.dumps(r) + "\n" for r in run("dataset", range(22), 100)))
    done = compare(repository, "--md", str(theirs), "first")
    assert done.returncode == 0, done.stderr
    assert "| dataset | pass@1 | 100 | 22.0 [" in done.stdout
    assert "no difference shown" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere", "first"), "nowhere is no git revision, experiment or .jsonl file"),
        (("first:ibm", "first"), "data/outcomes/ibm.jsonl of first is not to be had"),
        (("theirs.jsonl", "first"), "theirs.jsonl not found"),
        (("rows.jsonl", "first"), "these are no outcomes"),
    ],
)
def test_mistakes_are_one_line(repository: Path, arguments: tuple[str, str], message: str) -> None:
    (repository / "rows.jsonl").write_text('{"task_id": "dataset/1", "completion": "x"}\n')
    done = compare(repository, *arguments)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert message in line


def test_outcomes_that_are_gone_say_how_to_get_them(repository: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "clone"
    assert command(repository, "git", "clone", "-q", ".", str(elsewhere)).returncode == 0
    done = compare(elsewhere, "HEAD", "HEAD:base")
    assert done.returncode == 1
    assert "dvc pull --all-commits data/outcomes/finetuned.jsonl" in done.stderr
