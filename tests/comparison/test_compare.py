"""The command: revisions, experiments and files of a real repository."""

import json
import os
import shutil
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
loss = {"eval_loss": 1 - passed / 100, "provenance": {"device": "cpu"}}
Path("train.json").write_text(json.dumps(loss))
base = [{**row, "outcome": "timeout"} for row in rows]
for name, content in (("finetuned", rows), ("base", base)):
    # What a judge quotes may hold any character but a line feed.
    lines = [json.dumps(row | {"detail": "\\u2028"}, ensure_ascii=False) for row in content]
    (out / f"{name}.jsonl").write_text("\\n".join(lines) + "\\n", encoding="utf-8")
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
    return command(root, sys.executable, "-m", "ketune", "compare", *arguments)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits whose outcomes lie in DVC's cache, and an experiment named rank-64."""
    root = tmp_path_factory.mktemp("repository")
    (root / "make.py").write_text(STAGE)
    (root / "rows.json").write_text(json.dumps(run("dataset", [], 100)))
    (root / "params.yaml").write_text("passed: 20\n")
    (root / "dvc.yaml").write_text(
        f"stages:\n  evaluate:\n    cmd: {sys.executable} make.py\n    deps:\n    - make.py\n"
        "    - rows.json\n    params:\n    - passed\n    outs:\n    - data/outcomes/base.jsonl\n"
        "    - data/outcomes/finetuned.jsonl\n    metrics:\n    - train.json:\n"
        "        cache: false\n"
    )
    for step in (
        "git init -q",
        "dvc init -q",
        "git add -A",
        "git commit -qm empty",
        "git tag empty",
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
    assert done.stdout.splitlines()[:3] == [
        "a = first, b = rank-64",
        "passed: 20 -> 60",
        "train.json:eval_loss: 0.8 -> 0.4",
    ]
    assert compare(repository, "first", "rank-64").stdout == done.stdout
    assert "dataset, pass@1: better" in done.stdout
    assert "+40.0 [" in done.stdout


def test_a_revision_in_which_nothing_ran_says_so(repository: Path) -> None:
    assert compare(repository, "empty", "first").stderr == (
        "error: empty has no results; run `dvc repro` there and commit dvc.lock\n"
    )


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
        (("first:ibm", "first"), "no outcomes of 'ibm'; it has those of: base, finetuned"),
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


def test_a_clone_reads_from_the_remote_and_says_when_it_cannot(
    repository: Path, tmp_path: Path
) -> None:
    here = compare(repository, "--json", "first:base", "first").stdout
    elsewhere, store = tmp_path / "clone", tmp_path / "store"
    assert command(repository, "git", "clone", "-q", ".", str(elsewhere)).returncode == 0
    done = compare(elsewhere, "first:base", "first")
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "data/outcomes/base.jsonl of first is neither in the cache nor in a remote" in line
    assert command(repository, "dvc", "remote", "add", "-d", "store", str(store)).returncode == 0
    assert command(repository, "dvc", "push", "-q").returncode == 0
    shutil.copy(repository / ".dvc/config", elsewhere / ".dvc/config")
    done = compare(elsewhere, "--json", "first:base", "first")
    assert done.returncode == 0, done.stderr
    assert done.stdout == here
    assert not (elsewhere / "data/outcomes/base.jsonl").exists()
