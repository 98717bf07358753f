"""From completions to verdicts: the program of every code completion, executed by the judge."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ketune.calibration.record import Calibration, limit_of
from ketune.completions.programs import build_program
from ketune.params.schema import EvaluationParams
from ketune.runtime import StageError
from ketune.tasks.benchmarks import Task
from ketune.tasks.completions import Completion
from ketune.verdicts.judging import judged
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
    """The verdict of every code completion, in their order, for the block to write.

    An interrupted call resumes with the verdicts it had; they go when the block succeeds. A program
    that several completions share is executed once. Without a calibration every task has the same
    limit.

    Raises StageError when a completion belongs to no task, a task has no completion or fewer
    samples than pass@k needs, or the judge itself fails on a task.
    """
    by_id = {task.task_id: task for task in tasks}
    _check_complete(by_id, completions, max(params.pass_at), label)
    code = [c for c in completions if by_id[c["task_id"]].type != "qa"]
    programs = [
        build_program(
            by_id[completion["task_id"]],
            completion["completion"],
            rules=params.stitching,
            timeout=limit_of(calibration, by_id[completion["task_id"]], params.timeout),
        )
        for completion in code
    ]
    with judged(programs, params, f"judge {label}") as (verdicts,):
        yield [
            {
                "task_id": completion["task_id"],
                "condition": completion["condition"],
                "sample": completion["sample"],
                "outcome": verdict.outcome,
                "detail": verdict.detail,
            }
            for completion, verdict in zip(code, verdicts, strict=True)
        ]


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
