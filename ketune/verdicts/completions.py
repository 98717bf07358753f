"""From completions to verdicts: the program of every code completion, executed by the judge."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ketune.calibration.record import Calibration, limit_of
from ketune.completions.programs import program_of
from ketune.judge import Verdict
from ketune.params.schema import EvaluationParams
from ketune.runtime import StageError
from ketune.tasks.benchmarks import Task
from ketune.tasks.completions import Completion
from ketune.verdicts.judging import judged
from ketune.verdicts.reading import Reading, read_answers
from ketune.verdicts.records import TaskVerdict


@contextmanager
def judged_completions(
    tasks: Sequence[Task],
    completions: Sequence[Completion],
    params: EvaluationParams,
    label: str,
    *,
    calibration: Calibration | None,
) -> Iterator[list[TaskVerdict]]:
    """What became of every completion, in their order, for the block to write.

    An interrupted call resumes with the verdicts it had; they go when the block succeeds. A program
    that several completions share is executed once. A completion that cannot be read counts as one
    without code, or as an empty answer. Without a calibration every task has the same limit.

    Raises StageError when a completion belongs to no task, a task has no completion or fewer
    samples than pass@k needs, or the judge itself fails on a task.
    """
    by_id = {task.task_id: task for task in tasks}
    _check_complete(by_id, completions, max(params.pass_at), label)
    answered = [(by_id[c["task_id"]], c["completion"]) for c in completions]
    readings = read_answers(answered, params.stitching)
    programs = [
        program_of(task, reading.text, timeout=limit_of(calibration, task, params.timeout))
        for (task, _), reading in zip(answered, readings, strict=True)
        if task.type != "qa"
    ]
    with judged(programs, params, f"judge {label}") as (verdicts,):
        remaining = iter(verdicts)
        yield [
            _record(completion, reading, None if task.type == "qa" else next(remaining))
            for completion, (task, _), reading in zip(completions, answered, readings, strict=True)
        ]


def _record(completion: Completion, reading: Reading, verdict: Verdict | None) -> TaskVerdict:
    return {
        "task_id": completion["task_id"],
        "condition": completion["condition"],
        "sample": completion["sample"],
        "outcome": verdict.outcome if verdict else None,
        "detail": reading.problem or (verdict.detail if verdict else ""),
        "answer": None if verdict else reading.text,
    }


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
