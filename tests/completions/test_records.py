import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketune.runtime import StageError
from ketune.tasks.completions import Completion, read_completions, write_completions

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
