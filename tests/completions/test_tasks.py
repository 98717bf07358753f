import hashlib
import json
from pathlib import Path

import pytest

from stages.completions.tasks import load_tasks
from stages.params import Benchmark
from stages.runtime import StageError

HUMAN_EVAL = [
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


def test_a_missing_file_names_how_to_fetch_it() -> None:
    with pytest.raises(StageError, match=r"q\.json not found; fetch it with `dvc --cd \. pull`"):
        load_tasks([pinned("q.json", b"")])


def test_another_revision_of_the_file_is_refused() -> None:
    Path("q.json").write_text("[]")
    with pytest.raises(
        StageError, match=r"params\.yaml pins .* fetch the pinned file with `dvc --cd"
    ):
        load_tasks([pinned("q.json", b"[ ]")])


@pytest.mark.parametrize("content", [b"{}", b'[{"task_id": "x"}]', b"not json"])
def test_a_malformed_file_is_one_line(content: bytes) -> None:
    Path("q.json").write_bytes(content)
    with pytest.raises(StageError, match=r"q\.json: not a Qiskit HumanEval file") as raised:
        load_tasks([pinned("q.json", content)])
    assert "\n" not in str(raised.value)
