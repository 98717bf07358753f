"""From completions to outcomes: code is executed by the judge, answers are compared as text."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypedDict

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from ketune.completions.reasoning import strip_reasoning
from ketune.completions.programs import build_program
from ketune.judge import Verdict
from ketune.params.schema import EvaluationParams
from ketune.runtime import StageError, atomic_open, file_sha256, versions
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

    ROUGE-L is the F1 of the longest common subsequence (Lin 2004; rouge-score, no stemming), BLEU
    is sentence BLEU-4 (Papineni et al. 2002; sacrebleu, 13a tokens, exponential smoothing,
    effective order); both from 0 to 1. A program that several completions share is executed once.
    Without a calibration every task counts as scorable and has the same limit.

    Raises StageError when a completion belongs to no task, a task has no completion or fewer
    samples than pass@k needs, or the judge itself fails on a task.
    """
    by_id = {task.task_id: task for task in tasks}
    _check_complete(by_id, completions, max(params.pass_at), label)
    programs = [
        build_program(
            task,
            completion["completion"],
            rules=params.stitching,
            timeout=limit_of(calibration, task, params),
        )
        for completion in completions
        if (task := by_id[completion["task_id"]]).type != "qa"
    ]
    with judged(programs, params, f"judge {label}") as (verdicts,):
        yield _outcomes(by_id, completions, verdicts, calibration)


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
    verdicts: Sequence[Verdict],
    calibration: Calibration | None,
) -> list[Outcome]:
    scorable = {task_id: is_scorable(calibration, task) for task_id, task in tasks.items()}
    rouge = RougeScorer(["rougeL"], use_stemmer=False)
    bleu = BLEU(effective_order=True)
    remaining = iter(verdicts)
    outcomes: list[Outcome] = []
    for completion in completions:
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
            "detail": "",
            "rouge_l": None,
            "bleu": None,
        }
        if task.type == "qa":
            answer = strip_reasoning(completion["completion"]).strip()
            similarity = rouge.score(task.reference, answer)["rougeL"].fmeasure
            outcome["rouge_l"] = round(similarity, 6)
            outcome["bleu"] = round(bleu.sentence_score(answer, [task.reference]).score / 100, 6)
        else:
            verdict = next(remaining)
            outcome["outcome"], outcome["detail"] = verdict.outcome, verdict.detail
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
