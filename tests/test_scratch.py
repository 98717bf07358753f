import subprocess
import sys
from pathlib import Path

import pytest

from ketune import scratch
from ketune.runtime import StageError
from ketune.scratch import drop_half_line, run_key, scratch_directory


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETUNE_CACHE", str(tmp_path / "cache"))


def test_a_key_names_its_determinants_whatever_their_order() -> None:
    assert run_key({"a": 1, "b": [2]}) == run_key({"b": [2], "a": 1})
    assert run_key({"a": 1, "b": [2]}) != run_key({"a": 1, "b": [3]})
    assert run_key({"a": 1}) != run_key({"a": "1"})


def test_scratch_survives_a_failure_and_goes_after_success(tmp_path: Path) -> None:
    def fail() -> None:
        with scratch_directory("train", "key") as first:
            (first.path / "checkpoint").write_text("kept")
            raise StageError("killed")

    with pytest.raises(StageError, match="killed"):
        fail()
    with scratch_directory("train", "other") as other:
        assert list(other.path.iterdir()) == []
    with scratch_directory("train", "key") as again:
        assert (again.path / "checkpoint").read_text() == "kept"
    assert list((tmp_path / "cache" / "train").iterdir()) == []


def test_two_runs_of_one_configuration_exclude_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_LOCK_TIMEOUT", 0.3)
    with (
        scratch_directory("train", "key"),
        pytest.raises(StageError, match="another run of this configuration"),
        scratch_directory("train", "key"),
    ):
        pass


def test_a_child_that_outlives_its_parent_still_holds_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scratch, "_LOCK_TIMEOUT", 0.3)
    held = scratch_directory("train", "key")
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        pass_fds=(held.__enter__().lock,),
    )
    held.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    try:
        with pytest.raises(StageError, match="another run"), scratch_directory("train", "key"):
            pass
    finally:
        child.kill()
        child.wait()
    with scratch_directory("train", "key"):
        pass


def test_half_a_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    drop_half_line(path)
    assert not path.exists()
    for content, rest in ((b"{}\n{", b"{}\n"), (b"{", b""), (b"{}\n", b"{}\n"), (b"", b"")):
        path.write_bytes(content)
        drop_half_line(path)
        assert path.read_bytes() == rest
