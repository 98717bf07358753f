"""Outputs appear whole or not at all; errors are one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ketune.runtime import (
    StageError,
    atomic_directory,
    atomic_open,
    read_json,
    read_jsonl,
    write_json,
)


def test_atomic_directory_replaces_the_old_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "models" / "adapter"
    for content in ("first", "second"):
        with atomic_directory(target) as directory:
            (directory / content).write_text(content)
    assert [path.name for path in target.iterdir()] == ["second"]
    assert [path.name for path in target.parent.iterdir()] == ["adapter"]


def test_atomic_directory_leaves_the_old_one_after_a_failure(tmp_path: Path) -> None:
    target = tmp_path / "adapter"
    with atomic_directory(target) as directory:
        (directory / "good").touch()

    def fail() -> None:
        with atomic_directory(target) as directory:
            (directory / "bad").touch()
            raise StageError("disk full")

    with pytest.raises(StageError, match="disk full"):
        fail()
    assert [path.name for path in target.iterdir()] == ["good"]
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def test_a_file_is_as_it_was_after_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"a": 1})

    def fail() -> None:
        with atomic_open(path) as file:
            file.write("half")
            raise StageError("disk full")

    with pytest.raises(StageError, match="disk full"):
        fail()
    assert json.loads(path.read_text()) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]


def test_metrics_hold_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "metrics.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", [b'{"a": \n', b'{"a": "\xe9"}\n'])
def test_a_broken_line_is_named(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b'{"a": 1}\n' + line)
    with pytest.raises(StageError, match=r"rows\.jsonl:2: not JSON"):
        read_jsonl(tmp_path / "rows.jsonl")


@pytest.mark.parametrize("text", ["", '{"a": ', "[" * 100_000, "[1]", "\udce9"])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "train.record.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(StageError, match=r"train\.record\.json: not .*run the stage that wrote it"):
        read_json(path)


def test_a_stage_error_is_one_line_and_a_status() -> None:
    program = (
        "from ketune.runtime import StageError, stage_main\n"
        "def main() -> None:\n"
        "    raise StageError('rows.csv: no rows; add some')\n"
        "stage_main(main)\n"
    )
    root = Path(__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (1, "error: rows.csv: no rows; add some\n")
