"""The benchmarks' pins: one content by one commit, fetched by DVC from a real git repository."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ketune.params import Benchmark, load_params
from ketune.tasks.benchmarks import load_tasks

REPOSITORY = Path(__file__).parents[2]
BENCHMARKS = REPOSITORY / "data" / "benchmarks"
REVISION = "5327d8e079db5e8b51b85e2acafbb67e36ba2777"
ROW = {
    "task_id": "qiskitHumanEval/7",
    "prompt": "def f():\n    pass",
    "test": "def check(candidate):\n    assert candidate() == 1\n",
    "entry_point": "f",
}


def read(path: Path) -> dict[str, Any]:
    tree: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    return tree


def files() -> list[Benchmark]:
    return [benchmark for benchmark in load_params(REPOSITORY).benchmarks if benchmark.path]


def test_the_graph_and_the_imports_pin_the_same_content() -> None:
    assert len(files()) == 2
    for benchmark in files():
        assert benchmark.path is not None
        imported = read(REPOSITORY / f"{benchmark.path}.dvc")
        assert imported["outs"][0]["md5"] == benchmark.md5
        assert imported["deps"][0]["repo"]["rev_lock"] == REVISION
        assert imported["frozen"]


@pytest.mark.parametrize("benchmark", files(), ids=lambda b: str(b.name))
def test_the_pinned_files_hold_151_tasks_each(
    benchmark: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    if not Path(str(benchmark.path)).is_file():
        pytest.skip(f"{benchmark.path} is not there; dvc --cd data/benchmarks pull fetches it")
    tasks = load_tasks([benchmark])
    assert len({task.task_id for task in tasks}) == 151
    assert tasks[7].source_id == "qiskitHumanEval/7"
    assert all(task.reference and task.category for task in tasks)


def run(directory: Path, *command: str) -> str:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(directory.parent),
        "GIT_AUTHOR_NAME": "t",
        "GIT_AUTHOR_EMAIL": "t@example.org",
        "GIT_COMMITTER_NAME": "t",
        "GIT_COMMITTER_EMAIL": "t@example.org",
    }
    result = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout.strip()


def publish(upstream: Path, rows: list[dict[str, Any]]) -> tuple[str, str]:
    """Commit a benchmark to `upstream`; its revision and MD5."""
    content = json.dumps(rows).encode()
    (upstream / "dataset").mkdir(exist_ok=True)
    (upstream / "dataset" / "tasks.json").write_bytes(content)
    run(upstream, "git", "add", "-A")
    run(upstream, "git", "commit", "-qm", "tasks")
    return run(upstream, "git", "rev-parse", "HEAD"), hashlib.md5(content).hexdigest()


def test_pull_fetches_the_pinned_commit_and_update_a_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream, clone = tmp_path / "upstream", tmp_path / "clone"
    for directory in (upstream, clone):
        directory.mkdir()
        run(directory, "git", "init", "-q", "-b", "main")
    first, first_md5 = publish(upstream, [ROW])
    second, second_md5 = publish(upstream, [ROW, ROW | {"task_id": "qiskitHumanEval/8"}])

    # The projects as they are committed, with another repository in the place of the public one.
    shutil.copytree(BENCHMARKS / ".dvc", clone / "data/benchmarks/.dvc")
    (clone / ".dvc").mkdir()
    shutil.copy(REPOSITORY / ".dvc/config", clone / ".dvc")
    (source, *_) = BENCHMARKS.glob("*.dvc")
    pin = clone / "data/benchmarks/tasks.json.dvc"
    imported = source.read_text().replace(REVISION, first)
    imported = re.sub(r"^md5: .*\n", "", imported)
    imported = re.sub(r"path: .*\.json", "path: dataset/tasks.json", imported, count=1)
    imported = re.sub(r"url: .*", f"url: {upstream}", imported)
    imported = re.sub(r"md5: .*\n  size: .*", f"md5: {first_md5}", imported)
    pin.write_text(re.sub(r"path: dataset_.*", "path: tasks.json", imported))

    monkeypatch.chdir(clone)
    run(clone, "dvc", "--cd", "data/benchmarks", "pull")
    path, kind = "data/benchmarks/tasks.json", "function_completion"
    pinned = {"name": "mine", "path": path, "type": kind}
    tasks = load_tasks([Benchmark.model_validate(pinned | {"md5": first_md5})])
    assert [task.task_id for task in tasks] == ["mine/7"]
    run(clone, "dvc", "--cd", "data/benchmarks", "update", "--rev", second, "tasks.json.dvc")
    assert read(pin)["deps"][0]["repo"]["rev_lock"] == second
    tasks = load_tasks([Benchmark.model_validate(pinned | {"md5": second_md5})])
    assert [task.task_id for task in tasks] == ["mine/7", "mine/8"]
