"""Scoring through the real judge: code by execution, answers as text, nothing silently missing."""

from collections.abc import Iterator

import pytest

from stages.completions.records import Completion
from stages.completions.scoring import score
from stages.completions.tasks import Task
from stages.judge import JudgeUnavailable, Verdict
from stages.params.schema import EvaluationParams
from stages.runtime import StageError

PARAMS = EvaluationParams(
    timeout=20.0,
    timeout_factor=4.0,
    calibration_timeout=60.0,
    calibration_runs=1,
    memory_mb=1024,
    stitching="ketune",
    pass_at=[1],
    ceilings={},
)
STUB = 'def double(x: int) -> int:\n    """Return twice x."""\n    pass\n'
TEST = "def check(candidate):\n    assert candidate(4) == 8\n"
CODE = Task("b/1", "b", "function_completion", "c", STUB, (), TEST, "double", "", False)
ASKED = Task("b/2", "b", "code_generation", "c", "Double.", (), TEST, "double", "", False)
QUESTION = Task("b/3", "b", "qa", "c", "What is H?", (), "", "", "H makes a superposition.", False)


def completion(task: Task, text: str) -> Completion:
    return {
        "task_id": task.task_id,
        "benchmark": "b",
        "condition": "standard",
        "sample": 0,
        "completion": text,
    }


def test_code_is_executed_and_answers_are_compared() -> None:
    outcomes = score(
        [CODE, ASKED, QUESTION],
        [
            completion(CODE, "    return 2 * x\n"),
            completion(ASKED, "```python\ndef double(x):\n    return x + 2\n```"),
            completion(QUESTION, "<think>hm</think>H makes a superposition."),
        ],
        PARAMS,
        "model",
    )
    assert [o["outcome"] for o in outcomes] == ["passed", "wrong_answer", None]
    assert outcomes[2]["rouge_l"] == 1.0
    assert outcomes[2]["bleu"] == 1.0
    assert outcomes[0]["rouge_l"] is None


def test_a_missing_completion_is_named() -> None:
    with pytest.raises(StageError, match=r"no completion for b/2 \(1 tasks lack one\)"):
        score([CODE, ASKED], [completion(CODE, "    return 1")], PARAMS, "model")


def test_a_completion_of_no_task_is_named() -> None:
    with pytest.raises(StageError, match="b/2 is no task"):
        score([CODE], [completion(CODE, "x"), completion(ASKED, "x")], PARAMS, "model")


def test_a_test_that_does_not_compile_is_not_the_models_failure() -> None:
    broken = Task("b/4", "b", "code_generation", "c", "", (), "def check(:", "f", "", False)
    with pytest.raises(StageError, match="the judge failed on b/4"):
        score([broken], [completion(broken, "def f(): pass")], PARAMS, "model")


def test_a_judge_that_cannot_isolate_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object, **__: object) -> Iterator[Verdict]:
        raise JudgeUnavailable("the judge needs user namespaces: sysctl ...")
        yield

    monkeypatch.setattr("stages.completions.scoring.judge", unavailable)
    with pytest.raises(StageError, match="needs user namespaces"):
        score([CODE], [completion(CODE, "    return 2 * x")], PARAMS, "model")
