"""From completions to outcomes: code is executed by the judge, answers are compared as text."""

import os
from collections.abc import Iterator, Sequence
from typing import Literal, TypedDict

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU
from tqdm import tqdm

from stages.completions.extract import extract_code, strip_reasoning
from stages.completions.records import Completion
from stages.completions.stitch import stitch
from stages.completions.tasks import Task
from stages.judge import JudgeUnavailable, Program, Verdict, judge
from stages.params.schema import EvaluationParams
from stages.runtime import StageError


class Outcome(TypedDict):
    """What became of one completion. Code tasks have an outcome, questions have similarities."""

    task_id: str
    benchmark: str
    condition: Literal["standard", "blank_images"]
    sample: int
    type: str
    category: str
    multimodal: bool
    outcome: str | None
    detail: str
    rouge_l: float | None
    bleu: float | None


def score(
    tasks: Sequence[Task], completions: Sequence[Completion], params: EvaluationParams, label: str
) -> list[Outcome]:
    """Score every completion, in their order.

    ROUGE-L is the F1 of the longest common subsequence (Lin 2004; rouge-score, no stemming), BLEU
    is sentence BLEU-4 (Papineni et al. 2002; sacrebleu, 13a tokens, exponential smoothing,
    effective order); both from 0 to 1. A program that several completions share is executed once.

    Raises StageError when a completion belongs to no task, a task has no completion, or the judge
    itself fails on a task.
    """
    by_id = {task.task_id: task for task in tasks}
    _check_complete(by_id, completions, label)
    programs = {
        (c["task_id"], c["completion"]): _program(by_id[c["task_id"]], c["completion"], params)
        for c in completions
        if by_id[c["task_id"]].type != "qa"
    }
    verdicts = dict(zip(programs, _judge(list(programs.values()), params, label), strict=True))
    rouge = RougeScorer(["rougeL"], use_stemmer=False)
    bleu = BLEU(effective_order=True)
    outcomes: list[Outcome] = []
    for completion in completions:
        task, text = by_id[completion["task_id"]], completion["completion"]
        verdict = verdicts.get((task.task_id, text))
        answer = strip_reasoning(text).strip() if verdict is None else ""
        outcomes.append(
            {
                "task_id": task.task_id,
                "benchmark": task.benchmark,
                "condition": completion["condition"],
                "sample": completion["sample"],
                "type": task.type,
                "category": task.category,
                "multimodal": task.multimodal,
                "outcome": verdict.outcome if verdict else None,
                "detail": verdict.detail if verdict else "",
                "rouge_l": None
                if verdict
                else round(rouge.score(task.reference, answer)["rougeL"].fmeasure, 6),
                "bleu": None
                if verdict
                else round(bleu.sentence_score(answer, [task.reference]).score / 100, 6),
            }
        )
    return outcomes


def _check_complete(tasks: dict[str, Task], completions: Sequence[Completion], label: str) -> None:
    seen = {c["task_id"] for c in completions if c["condition"] == "standard"}
    if unknown := sorted({c["task_id"] for c in completions} - tasks.keys()):
        raise StageError(f"{label}: {unknown[0]} is no task of params.yaml's benchmarks")
    if missing := sorted(tasks.keys() - seen):
        raise StageError(
            f"{label}: no completion for {missing[0]} ({len(missing)} tasks lack one); "
            "run generate again"
        )


def _program(task: Task, completion: str, params: EvaluationParams) -> Program:
    code = extract_code(completion, task.entry_point)
    if task.type == "function_completion":
        source = stitch(
            task.question, code, task.entry_point, "function_completion", params.stitching
        )
    else:
        source = stitch(task.question, code, task.entry_point, "code_generation", params.stitching)
    return Program(task.task_id, source, task.test_code, task.entry_point)


def _judge(programs: list[Program], params: EvaluationParams, label: str) -> Iterator[Verdict]:
    verdicts = judge(
        programs,
        workers=len(os.sched_getaffinity(0)),
        timeout=params.timeout,
        memory_mb=params.memory_mb,
    )
    try:
        for verdict in tqdm(verdicts, f"judge {label}", len(programs), unit="program"):
            if verdict.outcome == "judge_error":
                raise StageError(
                    f"{label}: the judge failed on {verdict.task_id} ({verdict.detail}); "
                    "this is not the model's failure: run evaluate again"
                )
            yield verdict
    except JudgeUnavailable as error:
        raise StageError(str(error)) from None
