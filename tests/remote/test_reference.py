"""`ketune reference`: laptop-scale results that a plain clone has, as long as they are true."""

import json
from pathlib import Path

import pytest

from tests.graph.conftest import Clone, clone_work_tree
from tests.remote.conftest import elsewhere, objects, record_results


@pytest.fixture(scope="module")
def referring(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone that has committed reference/, of stand-ins at laptop scale."""
    clone = clone_work_tree(tmp_path_factory.mktemp("referring"))
    clone.run("ketune", "profile", "smoke")
    for path in ("metrics/train.json", "metrics/finetuned.json"):
        (clone.root / path).write_text(json.dumps({"figure": 0.25}))
    record_results(clone)
    clone.run("git", "add", "-A")
    clone.run("dvc", "exp", "save", "--name", "demo")
    clone.run("git", "reset", "-q", "--hard")
    clone.run("git", "rm", "-rq", "--ignore-unmatch", "reference")
    clone.run("git", "commit", "-q", "--allow-empty", "-m", "none yet")
    assert "no reference/" in clone.run("ketune", "reference", "--check", check=False).stderr
    clone.run("ketune", "reference", "--record", "demo")
    clone.run("git", "add", "reference")
    clone.run("git", "commit", "-qm", "reference")
    return clone


def test_a_plain_clone_compares_with_it(referring: Clone, tmp_path: Path) -> None:
    clone = elsewhere(referring, tmp_path)
    assert "is fresh" in clone.run("ketune", "reference", "--check").stdout
    assert "refs/exps" not in clone.run("git", "for-each-ref").stdout
    for _ in range(2):
        clone.run("ketune", "reference")
    assert clone.run("git", "status", "--porcelain").stdout == ""
    assert clone.run("dvc", "exp", "list", "--all", "--name-only").stdout.split() == ["laptop"]
    shown = json.loads(clone.run("dvc", "metrics", "diff", "--json", "HEAD", "laptop").stdout)
    assert shown["metrics/train.json"]["figure"]["new"] == 0.25
    outcomes = (clone.root / "reference/data/outcomes/finetuned.jsonl").read_bytes()
    cached = {path.read_bytes() for path in objects(clone.root / ".dvc/cache").values()}
    assert outcomes in cached


def test_it_is_refused_for_other_parameters(referring: Clone, tmp_path: Path) -> None:
    clone = elsewhere(referring, tmp_path)
    params = clone.root / "params.yaml"
    params.write_text(params.read_text().replace("lora_rank: 32", "lora_rank: 64", 1))
    clone.run("git", "checkout", "-qb", "rank-64")
    clone.run("git", "commit", "-qam", "rank")
    for action in ((), ("--check",)):
        result = clone.run("ketune", "reference", *action, check=False)
        assert result.returncode == 1
        assert "is stale: stage train would" in result.stderr
    clone.run("ketune", "reference", "HEAD~")
    result = clone.run("ketune", "pr", "HEAD~", "rank-64")
    assert "is stale" in result.stderr
    assert "rank-64 has no results" in result.stdout
    assert "HEAD~ has no results" not in result.stdout


def test_outcomes_of_another_run_are_refused(referring: Clone, tmp_path: Path) -> None:
    clone = elsewhere(referring, tmp_path)
    (clone.root / "reference/data/outcomes/finetuned.jsonl").write_text("{}\n")
    clone.run("git", "commit", "-qam", "another")
    result = clone.run("ketune", "reference", check=False)
    assert result.returncode == 1
    assert "not the bytes that its dvc.lock names" in result.stderr
    assert clone.run("dvc", "exp", "list", "--all", "--name-only").stdout == ""
