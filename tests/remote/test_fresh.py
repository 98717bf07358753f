"""`make fresh`: dvc.lock against the code and the parameters, with no data at hand."""

from pathlib import Path

import pytest

from tests.graph.conftest import Clone, clone_work_tree
from tests.remote.conftest import elsewhere, make


def test_a_lock_of_this_commit_is_fresh_without_its_data(recorded: Clone, tmp_path: Path) -> None:
    clone = elsewhere(recorded, tmp_path)
    assert not (clone.root / "data/raw").exists()
    assert "fresh" in make(clone, "fresh").stdout


@pytest.mark.parametrize(
    ("file", "old", "new", "stage"),
    [
        ("params.yaml", "lora_rank: 32", "lora_rank: 64", "train"),
        ("stages/report.py", '"""', '"""Changed. ', "report"),
    ],
)
def test_a_change_since_the_run_is_stale(
    recorded: Clone, tmp_path: Path, file: str, old: str, new: str, stage: str
) -> None:
    clone = elsewhere(recorded, tmp_path)
    path = clone.root / file
    path.write_text(path.read_text().replace(old, new, 1))
    result = make(clone, "fresh", check=False)
    assert result.returncode
    assert f"'{stage}'" in result.stdout
    assert "error: dvc.lock is stale" in result.stderr


def test_a_repository_without_a_lock_passes_and_says_so(tmp_path: Path) -> None:
    clone = clone_work_tree(tmp_path)
    (clone.root / "dvc.lock").unlink(missing_ok=True)
    assert "no dvc.lock" in make(clone, "fresh").stdout
