"""From completions to outcomes: code is executed by the judge, answers are compared as text."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypedDict

from ketune.completions.programs import program_of
from ketune.completions.reading import Reading, read_answers
from ketune.judge import Verdict
from ketune.params.schema import EvaluationParams
from ketune.runtime import StageError, atomic_open, file_sha256, versions
from ketune.scoring.similarity import bleu, rouge_l
from ketune.tasks.benchmarks import Task
from ketune.tasks.completions import Completion
from ketune.verdicts.calibration import Calibration, is_scorable, limit_of
from ketune.verdicts.judging import environment, judged


class Outcome(TypedDict):
    """What became of one completion. Code tasks have an outcome, questions have similarities.

    `scorable` is false where the reference solution does not pass in the judge either.
    """

    task_id: str
    benchmark: str
    condition: Literal["standard", "blank_images"]
    sample: int
    type: str
    category: str
    multimodal: bool
    scorable: bool
    outcome: str | None
    detail: str
    rouge_l: float | None
    bleu: float | None


@contextmanager
def scored(
    tasks: Sequence[Task],
    completions: Sequence[Completion],
    params: EvaluationParams,
    label: str,
    *,
    calibration: Calibration | None,
) -> Iterator[list[Outcome]]:
    """The outcome of every completion, in their order, for the block to write.

    An interrupted call resumes with the verdicts it had; they go when the block succeeds.

    Answers are compared by `scoring.similarity`. A program that several completions share is
    executed once. A completion that cannot be read counts as one without code. Without a
    calibration every task counts as scorable and has the same limit.

    Raises StageError when a completion belongs to no task, a task has no completion or fewer
    samples than pass@k needs, or the judge itself fails on a task.
    """
    by_id = {task.task_id: task for task in tasks}
    _check_complete(by_id, completions, max(params.pass_at), label)
    answered = [(by_id[c["task_id"]], c["completion"]) for c in completions]
    readings = read_answers(answered, params.stitching)
    programs = [
        program_of(task, reading.text, timeout=limit_of(calibration, task, params))
        for (task, _), reading in zip(answered, readings, strict=True)
        if task.type != "qa"
    ]
    with judged(programs, params, f"judge {label}") as (verdicts,):
        yield _outcomes(by_id, completions, readings, verdicts, calibration)


def write_outcomes(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write them as JSON Lines in the given order, atomically."""
    with atomic_open(path) as file:
        for outcome in outcomes:
            file.write(json.dumps(outcome, ensure_ascii=False) + "\n")


def provenance(
    params: EvaluationParams, completions: Path, calibration: Path | None
) -> dict[str, Any]:
    """What scores depend on beside the tasks; `calibration` is None where there was none."""
    return {
        "judge": {
            "isolation": "bubblewrap",
            "timeout_s": params.timeout,
            "memory_mb": params.memory_mb,
            "stitching": params.stitching,
        },
        "completions_sha256": file_sha256(completions),
        "calibration_sha256": file_sha256(calibration) if calibration else None,
        "versions": environment() | versions("rouge-score", "sacrebleu"),
    }


def _outcomes(
    tasks: Mapping[str, Task],
    completions: Sequence[Completion],
    readings: Sequence[Reading],
    verdicts: Sequence[Verdict],
    calibration: Calibration | None,
) -> list[Outcome]:
    scorable = {task_id: is_scorable(calibration, task) for task_id, task in tasks.items()}
    remaining = iter(verdicts)
    outcomes: list[Outcome] = []
    for completion, reading in zip(completions, readings, strict=True):
        task = tasks[completion["task_id"]]
        outcome: Outcome = {
            "task_id": task.task_id,
            "benchmark": task.benchmark,
            "condition": completion["condition"],
            "sample": completion["sample"],
            "type": task.type,
            "category": task.category,
            "multimodal": task.multimodal,
            "scorable": scorable[task.task_id],
            "outcome": None,
            "detail": reading.problem,
            "rouge_l": None,
            "bleu": None,
        }
        if task.type == "qa":
            outcome["rouge_l"] = round(rouge_l(task.reference, reading.text), 6)
            outcome["bleu"] = round(bleu(task.reference, reading.text), 6)
        else:
            verdict = next(remaining)
            outcome["outcome"] = verdict.outcome
            outcome["detail"] = reading.problem or verdict.detail
        outcomes.append(outcome)
    return outcomes


def _check_complete(
    tasks: Mapping[str, Task],
    completions: Sequence[Completion],
    samples: int,
    label: str,
) -> None:
    if unknown := sorted({c["task_id"] for c in completions} - tasks.keys()):
        raise StageError(f"{label}: {unknown[0]} is no task that it is scored on")
    counts = Counter(c["task_id"] for c in completions if c["condition"] == "standard")
    if missing := sorted(tasks.keys() - counts.keys()):
        raise StageError(
            f"{label}: no completion for {missing[0]} ({len(missing)} tasks lack one); "
            "complete the file, or run generate again"
        )
    if short := sorted(task_id for task_id, count in counts.items() if count < samples):
        raise StageError(
            f"{label}: {counts[short[0]]} samples for {short[0]} ({len(short)} tasks have so few); "
            f"pass@{samples} needs {samples}"
        )
