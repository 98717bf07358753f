"""What the report stage deletes of baselines that are gone, and what it leaves."""

from pathlib import Path

import pytest

from ketune.runtime import StageError
from stages.report import remove_leftovers


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("finetuned", "base", "gone"):
        for path in (f"data/outcomes/{name}.jsonl", f"metrics/slices/{name}.csv"):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text("x")
        Path(f"metrics/{name}.json").write_text("{}")
        Path(f"metrics/slices/{name}.record.json").write_text("{}")
    Path("metrics/train.json").write_text("{}")
    return tmp_path


def test_a_baseline_that_is_gone_leaves_no_file(results: Path) -> None:
    remove_leftovers(["finetuned", "base"])
    left = {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}
    assert not any("gone" in path for path in left)
    assert {"data/outcomes/base.jsonl", "metrics/base.json", "metrics/train.json"} <= left


@pytest.mark.parametrize("name", ["train.notes.jsonl", "train.jsonl", "mine.txt", "folder"])
def test_what_is_a_users_own_is_named_and_nothing_is_deleted(results: Path, name: str) -> None:
    own = results / "data/outcomes" / name
    own.mkdir() if name == "folder" else own.write_text("mine")
    with pytest.raises(StageError, match=rf"data/outcomes/{name}: no stage of the graph makes it"):
        remove_leftovers(["finetuned", "base"])
    assert own.exists()
    assert (results / "metrics/train.json").exists()
    assert (results / "data/outcomes/gone.jsonl").exists()
