import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketune.runtime import StageError
from ketune.tasks.completions import (
    Completion,
    read_completions,
    read_journal,
    write_completions,
)

ROW: dict[str, Any] = {
    "task_id": "dataset/test-000017",
    "benchmark": "dataset",
    "condition": "standard",
    "sample": 0,
    "completion": "```python\npass\n```",
    "truncated": False,
}


@given(texts=st.lists(st.text(), max_size=5))
def test_completions_survive_the_file(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("c") / "base.jsonl"
    completions: list[Completion] = [
        {
            "task_id": "dataset/a",
            "benchmark": "dataset",
            "condition": "blank_images",
            "sample": number,
            "completion": text,
            "truncated": number % 2 == 0,
        }
        for number, text in enumerate(texts)
    ]
    write_completions(path, completions)
    assert read_completions(path) == completions


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW | {"sample": "0"}, r"base\.jsonl:2: sample: .*integer"),
        (ROW | {"condition": "blanked"}, r"base\.jsonl:2: condition: "),
        ({k: v for k, v in ROW.items() if k != "completion"}, r":2: completion: .*required"),
        (ROW | {"truncated": "no"}, r":2: truncated: .*boolean"),
        (ROW | {"score": 1}, r":2: score: "),
        (ROW, r":2: a second completion of \('dataset/test-000017', 'standard', 0\)"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    path = tmp_path / "base.jsonl"
    path.write_text(f"{json.dumps(ROW)}\n{json.dumps(row)}\n")
    with pytest.raises(StageError, match=message):
        read_completions(path)


def test_a_missing_file_names_the_stage(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="run the generate stage"):
        read_completions(tmp_path / "base.jsonl")


LINE = json.dumps(ROW).encode()


@pytest.mark.parametrize(
    "bad",
    [
        LINE[:-7],
        b"\0" * 99,
        LINE.replace(b"pass", b"pa\xffs"),
        json.dumps(ROW | {"sample": 1, "completion": [{"type": "text", "text": "x"}]}).encode(),
        json.dumps(ROW | {"sample": 1, "completion": "\ud83d"}).encode(),
        json.dumps(ROW | {"sample": 1, "truncated": None}).encode(),
        LINE,
        b"",
        b"null",
    ],
)
def test_what_of_a_journal_cannot_be_read_is_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: bytes
) -> None:
    path = tmp_path / "journal.jsonl"
    last = ROW | {"task_id": "dataset/test-000018"}
    path.write_bytes(b"\n".join([LINE, bad, json.dumps(last).encode(), LINE[:20]]))
    assert read_journal(path) == [ROW, last]
    assert capsys.readouterr().out == (
        f"{path}: 2 lines cannot be read; what they answered is asked again\n"
    )


def test_a_journal_that_no_run_began_is_empty(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "journal.jsonl") == []
