import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ketune.params import Benchmark
from ketune.runtime import StageError
from ketune.tasks.benchmarks import load_tasks

HUMAN_EVAL: list[dict[str, Any]] = [
    {
        "task_id": "qiskitHumanEval/7",
        "prompt": "def f():\n    pass",
        "canonical_solution": "    return 1\n",
        "test": "def check(candidate): ...",
        "entry_point": "f",
        "difficulty_scale": "basic",
    }
]
SAMPLE = {
    "id": "test-000003",
    "messages": [
        {"role": "user", "content": "<image>What is drawn?"},
        {"role": "assistant", "content": "A Bell pair."},
    ],
    "images": ["data/prepared/images/0123456789abcdef.png"],
    "type": "qa",
    "category": "circuits_and_gates",
    "test_code": "",
    "entry_point": "",
    "multimodal": True,
    "source": "",
    "contaminated_by": [],
}


def pinned(path: str, content: bytes, name: str = "qiskit_humaneval") -> Benchmark:
    md5 = hashlib.md5(content).hexdigest()
    return Benchmark(name=name, path=path, md5=md5, type="function_completion")


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_tasks_of_both_kinds_have_one_form() -> None:
    content = json.dumps(HUMAN_EVAL).encode()
    Path("q.json").write_bytes(content)
    Path("test.jsonl").write_text(json.dumps(SAMPLE) + "\n")
    benchmarks = [Benchmark(name="dataset"), pinned("q.json", content)]
    sample, human_eval = load_tasks(benchmarks, Path("test.jsonl"))
    assert (sample.task_id, sample.type, sample.multimodal) == ("dataset/test-000003", "qa", True)
    assert (sample.question, sample.reference) == ("What is drawn?", "A Bell pair.")
    assert sample.images == ("data/prepared/images/0123456789abcdef.png",)
    assert (human_eval.task_id, human_eval.type) == ("qiskit_humaneval/7", "function_completion")
    assert human_eval.question == "def f():\n    pass"
    assert (human_eval.category, human_eval.entry_point) == ("basic", "f")
    assert human_eval.images == ()
    assert (sample.source_id, human_eval.source_id) == ("test-000003", "qiskitHumanEval/7")


def test_a_missing_file_names_how_to_fetch_it() -> None:
    with pytest.raises(StageError, match=r"q\.json not found; put it there"):
        load_tasks([pinned("q.json", b"")])
    Path("q.json.dvc").touch()
    with pytest.raises(StageError, match=r"q\.json not found; fetch it with `dvc --cd \. pull"):
        load_tasks([pinned("q.json", b"")])


def test_another_revision_of_the_file_is_refused() -> None:
    Path("q.json").write_text("[]")
    with pytest.raises(StageError, match=r"params\.yaml pins .* put it there, or pin this one"):
        load_tasks([pinned("q.json", b"[ ]")])


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_both_forms_of_a_file_give_the_same_tasks(suffix: str) -> None:
    rows = [HUMAN_EVAL[0], {**HUMAN_EVAL[0], "task_id": "mine/a b"}]
    text = json.dumps(rows) if suffix == "json" else "\n".join(map(json.dumps, rows)) + "\n\n"
    Path(f"q.{suffix}").write_text(text)
    tasks = load_tasks([pinned(f"q.{suffix}", text.encode(), "mine")])
    assert [task.task_id for task in tasks] == ["mine/7", "mine/a b"]


def test_reference_and_difficulty_may_be_absent() -> None:
    row = {k: HUMAN_EVAL[0][k] for k in ("task_id", "prompt", "test", "entry_point")}
    content = json.dumps(row).encode()
    Path("q.jsonl").write_bytes(content)
    (task,) = load_tasks([pinned("q.jsonl", content)])
    assert (task.reference, task.category) == ("", "")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"prompt": None}, "prompt: Input should be a valid string"),
        ({"entry_point": " "}, "entry_point: "),
        ({"task_id": 7}, "task_id: Input should be a valid string"),
        ({"test": "def check(:"}, "test: does not compile"),
        ({"test": "assert f()"}, "test: defines neither check"),
        ({"entry_point": "f g"}, "entry_point: 'f g' is no name of a function"),
        ({"entry_point": "class"}, "entry_point: 'class' is no name of a function"),
        ({}, "task_id: 'qiskitHumanEval/7' and 'qiskitHumanEval/7' are both task"),
        ({"task_id": "other/7"}, "task_id: 'other/7' and 'qiskitHumanEval/7' are both task"),
    ],
)
def test_a_row_that_is_no_task_is_named(changed: dict[str, Any], told: str) -> None:
    rows = [HUMAN_EVAL[0], {**HUMAN_EVAL[0], **changed}]
    for name, text, where in (
        ("q.json", json.dumps(rows), "q.json: row 2: "),
        ("q.jsonl", "\n".join(map(json.dumps, rows)), "q.jsonl:2: "),
    ):
        Path(name).write_text(text)
        with pytest.raises(StageError) as raised:
            load_tasks([pinned(name, text.encode())])
        assert str(raised.value).startswith(where + told)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.json", b"{}"),
        ("q.json", b'[{"task_id": "x"}]'),
        ("q.json", b"not json"),
        ("q.json", b"[3]"),
        ("q.jsonl", b"[]"),
        ("q.jsonl", b"\xff\xfe"),
        ("q.json", b"[" * 100_000),
    ],
)
def test_a_malformed_file_is_one_line(name: str, content: bytes) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(StageError, match=rf"{name}: |{name}:1: ") as raised:
        load_tasks([pinned(name, content)])
    assert "\n" not in str(raised.value)
