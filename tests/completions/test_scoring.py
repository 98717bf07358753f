"""Scoring through the real judge: code by execution, answers as text, nothing silently missing."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ketune.calibration.record import Calibration
from ketune.judge import JudgeUnavailable, Verdict
from ketune.params.schema import EvaluationParams
from ketune.runtime import StageError
from ketune.scoring import outcomes as scoring
from ketune.tasks.benchmarks import Task
from ketune.tasks.completions import Completion, Outcome
from ketune.verdicts.completions import judged_completions

PARAMS = EvaluationParams(
    timeout=20.0,
    timeout_factor=4.0,
    calibration_timeout=60.0,
    calibration_runs=1,
    memory_mb=1024,
    stitching="ketune",
    pass_at=[1],
    ceilings=[],
)
STUB = 'def double(x: int) -> int:\n    """Return twice x."""\n    pass\n'
TEST = "def check(candidate):\n    assert candidate(4) == 8\n"
CODE = Task("b/1", "b", "function_completion", "c", STUB, (), TEST, "double", "", False)
ASKED = Task("b/2", "b", "code_generation", "c", "Double.", (), TEST, "double", "", False)
QUESTION = Task("b/3", "b", "qa", "c", "What is H?", (), "", "", "H makes a superposition.", False)
DEFAULTS = {"params": PARAMS, "label": "model", "calibration": None}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETUNE_CACHE", str(tmp_path / "cache"))


def completion(task: Task, text: str, sample: int = 0) -> Completion:
    return {
        "task_id": task.task_id,
        "benchmark": "b",
        "condition": "standard",
        "sample": sample,
        "completion": text,
        "truncated": False,
    }


def score(
    tasks: Sequence[Task], completions: Sequence[Completion], **options: Any
) -> list[Outcome]:
    given = {**DEFAULTS, **options}
    with judged_completions(tasks, completions, **given) as verdicts:
        return scoring.score(tasks, completions, verdicts, given["calibration"])


def test_code_is_executed_and_answers_are_compared() -> None:
    outcomes = score(
        [CODE, ASKED, QUESTION],
        [
            completion(CODE, "    return 2 * x\n"),
            completion(ASKED, "```python\ndef double(x):\n    return x + 2\n```"),
            completion(QUESTION, "<think>hm</think>H makes a superposition."),
        ],
    )
    assert [o["outcome"] for o in outcomes] == ["passed", "wrong_answer", None]
    assert [o["scorable"] for o in outcomes] == [True, True, True]
    assert outcomes[2]["rouge_l"] == 1.0
    assert outcomes[2]["bleu"] == 1.0
    assert outcomes[0]["rouge_l"] is None


def test_a_calibration_gives_each_task_its_worth_and_its_time() -> None:
    calibration: Calibration = {
        "b": {
            "scorable": ["b/1"],
            "assumed": [],
            "flaky": {},
            "unscorable": {"b/2": "runtime_error"},
            "limits": {"b/1": 20.0},
        }
    }
    slow = "    import time\n    time.sleep(1.5)\n    return 2 * x\n"
    outcomes = score(
        [CODE, ASKED],
        [completion(CODE, slow), completion(ASKED, f"def double(x):\n{slow}")],
        params=PARAMS.model_copy(update={"timeout": 1.0}),
        calibration=calibration,
    )
    assert [(o["outcome"], o["scorable"]) for o in outcomes] == [
        ("passed", True),
        ("timeout", False),
    ]


def test_the_rules_decide_what_an_answer_without_imports_is_worth() -> None:
    task = replace(CODE, question=f"import math\n{STUB}")
    answer = completion(task, "def double(x):\n    return math.floor(2 * x)")
    (ours,) = score([task], [answer])
    (seed,) = score([task], [answer], params=PARAMS.model_copy(update={"stitching": "seed"}))
    assert (ours["outcome"], seed["outcome"]) == ("passed", "runtime_error")


def test_a_missing_completion_is_named() -> None:
    with pytest.raises(StageError, match=r"no completion for b/2 \(1 tasks lack one\)"):
        score([CODE, ASKED], [completion(CODE, "    return 1")])


def test_too_few_samples_for_pass_at_k_are_named() -> None:
    params = PARAMS.model_copy(update={"pass_at": [1, 3]})
    answers = [completion(CODE, "    return 1", sample) for sample in range(2)]
    with pytest.raises(StageError, match=r"2 samples for b/1 .* pass@3 needs 3"):
        score([CODE], answers, params=params)


def test_a_completion_of_no_task_is_named() -> None:
    with pytest.raises(StageError, match="b/2 is no task"):
        score([CODE], [completion(CODE, "x"), completion(ASKED, "x")])


def test_a_test_that_does_not_compile_is_not_the_models_failure() -> None:
    broken = replace(ASKED, test_code="def check(:")
    with pytest.raises(StageError, match="the judge failed on b/2"):
        score([broken], [completion(broken, "def f(): pass")])


def test_a_judge_that_cannot_isolate_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object, **__: object) -> Iterator[Verdict]:
        raise JudgeUnavailable("the judge needs user namespaces: sysctl ...")
        yield

    monkeypatch.setattr("ketune.verdicts.judging.judge", unavailable)
    with pytest.raises(StageError, match="needs user namespaces"):
        score([CODE], [completion(CODE, "    return 2 * x")])
