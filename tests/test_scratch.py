import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ketune import scratch
from ketune.commands import clean as cleaning
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


def interrupt(name: str, size: int = 10, stage: str = "train") -> Path:
    """What a run of the key `name` left that was killed."""

    def fail() -> None:
        with scratch_directory(stage, run_key({"name": name})) as left:
            (left.path / "checkpoint").mkdir()
            (left.path / "checkpoint" / "weights").write_bytes(bytes(size))
            raise StageError(str(left.path))

    with pytest.raises(StageError) as failure:
        fail()
    return Path(str(failure.value))


def age(path: Path, days: float) -> None:
    then = time.time() - days * 86400
    for file in (path, path.with_suffix(".lock"), *path.rglob("*")):
        os.utime(file, (then, then))


def begin(name: str) -> None:
    with scratch_directory("merge", run_key({"name": name})):
        pass


def test_what_was_interrupted_long_ago_goes_when_another_run_begins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    old, young, half_removed = interrupt("old"), interrupt("young"), interrupt("half removed")
    for path, days in ((old, 31), (young, 29), (half_removed, 31)):
        age(path, days)
    half_removed.rename(half_removed.with_suffix(".done"))
    begin("new")
    assert {path for path in old.parent.iterdir() if path.is_dir()} == {young}
    assert f"train/{old.name}: 0.0 MiB, 31.0 days old" in capsys.readouterr().out


def test_a_run_is_as_young_as_what_it_wrote_last() -> None:
    path = interrupt("old")
    age(path, 31)
    (path / "checkpoint" / "weights").write_bytes(b"new")
    begin("new")
    assert path.exists()


def test_the_oldest_go_first_where_all_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [interrupt(name, 2 * 2**20) for name in "abcd"]
    answers = interrupt("paid answers", 1000, "generate")
    for path, days in zip((*paths, answers), (4, 3, 2, 1, 9), strict=True):
        age(path, days)
    monkeypatch.setattr(scratch, "_MOST_BYTES", 5 * 2**20)
    begin("new")
    assert [path.exists() for path in paths] == [False, False, True, True]
    assert answers.exists()


def test_an_old_run_goes_on_and_is_kept_while_it_does() -> None:
    path = interrupt("old")
    age(path, 99)
    with scratch_directory("train", run_key({"name": "old"})) as own:
        assert own.path == path
        assert (path / "checkpoint" / "weights").exists()
        age(path, 99)
        begin("new")
        cleaning.main(["--all"])
        assert (path / "checkpoint" / "weights").exists()


def test_nothing_but_runs_is_ever_removed(tmp_path: Path) -> None:
    thesis, device = (tmp_path / "cache" / name for name in ("train/thesis", "devices/host"))
    for path in (thesis, device):
        path.mkdir(parents=True)
        os.utime(path, (0, 0))
    begin("new")
    cleaning.main(["--all"])
    assert thesis.exists()
    assert device.exists()


def test_clean_lists_and_removes_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "cache"
    old, young = interrupt("old", 3 * 2**20), interrupt("young", 2**20)
    with scratch_directory("train", run_key({"name": "held"})) as held:
        age(old, 40)
        age(young, 2)
        about_old = f"train/{old.name}: 3.0 MiB, 40.0 days old: "
        about_young = f"train/{young.name}: 1.0 MiB, 2.0 days old: "
        about_held = f"train/{held.path.name}: 0.0 MiB, 0.0 days old: under way, kept"

        def clean(*arguments: str) -> list[str]:
            capsys.readouterr()
            cleaning.main(arguments)
            return capsys.readouterr().out.splitlines()

        assert clean("--dry-run") == [
            f"{about_old}would go",
            f"{about_young}kept",
            about_held,
            f"{cache}: 1 of 3 runs, 3.0 MiB would be freed",
        ]
        assert old.exists()
        assert clean()[:2] == [f"{about_old}removed", f"{about_young}kept"]
        assert (old.exists(), young.exists()) == (False, True)
        assert clean("--all") == [
            f"{about_young}removed",
            about_held,
            f"{cache}: 1 of 2 runs, 1.0 MiB freed",
        ]
        assert (young.exists(), held.path.exists()) == (False, True)
    assert clean() == [f"{cache}: 0 of 0 runs, 0.0 MiB freed"]


@pytest.mark.parametrize("cache", ["/dev/null", "/dev/null/cache", "/proc/cache"])
def test_a_cache_that_cannot_be_written_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    monkeypatch.setenv("KETUNE_CACHE", cache)
    with (
        pytest.raises(StageError, match=rf"^{cache}.*cannot be written \(.*; set KETUNE_CACHE to"),
        scratch_directory("train", "key"),
    ):
        pass


def test_a_home_that_cannot_be_written_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KETUNE_CACHE")
    monkeypatch.setenv("HOME", "/proc/home")
    with (
        pytest.raises(StageError, match=r"^/proc/home.*; set KETUNE_CACHE to a directory"),
        scratch_directory("train", "key"),
    ):
        pass


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("variable", ["KETUNE_CACHE", "HOME"])
def test_another_users_cache_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    """By a child that is nobody: root may write everywhere."""
    monkeypatch.delenv("KETUNE_CACHE")
    monkeypatch.setenv(variable, str(tmp_path))
    code = (
        "import os\nfrom ketune.runtime import stage_main\n"
        "from ketune.scratch import scratch_directory\nos.setuid(65534)\n"
        "stage_main(lambda: scratch_directory('train', 'key').__enter__())"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "Permission denied" in result.stderr
    assert "set KETUNE_CACHE to a directory" in result.stderr
