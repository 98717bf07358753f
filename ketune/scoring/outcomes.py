"""From completions and verdicts to outcomes: nothing is executed, answers are compared as text."""

from collections.abc import Sequence

from ketune.calibration.record import Calibration, is_scorable
from ketune.runtime import StageError
from ketune.scoring.pictures import image_type
from ketune.scoring.similarity import bleu, rouge_l
from ketune.tasks.benchmarks import Task
from ketune.tasks.completions import Completion, Outcome
from ketune.verdicts.records import TaskVerdict


def score(
    tasks: Sequence[Task],
    completions: Sequence[Completion],
    verdicts: Sequence[TaskVerdict],
    calibration: Calibration | None,
) -> list[Outcome]:
    """The outcome of every completion, in their order.

    `verdicts` are those of the completions. Answers are compared by `similarity`. Without a
    calibration every task counts as scorable.

    Raises StageError when the verdicts are not those of the completions.
    """
    by_id = {task.task_id: task for task in tasks}
    scorable = {task.task_id: is_scorable(calibration, task) for task in tasks}
    found = {(v["task_id"], v["condition"], v["sample"]): v for v in verdicts}
    outcomes: list[Outcome] = []
    for completion in completions:
        task = by_id[completion["task_id"]]
        outcome: Outcome = {
            "task_id": task.task_id,
            "benchmark": task.benchmark,
            "condition": completion["condition"],
            "sample": completion["sample"],
            "type": task.type,
            "category": task.category,
            "multimodal": task.multimodal,
            "image_type": image_type(task.question) if task.images else "",
            "scorable": scorable[task.task_id],
            "outcome": None,
            "detail": "",
            "rouge_l": None,
            "bleu": None,
        }
        verdict = found.pop((task.task_id, completion["condition"], completion["sample"]), None)
        if verdict is None:
            raise StageError(
                f"no verdict on sample {completion['sample']} of {task.task_id} "
                f"({completion['condition']}); run the judge stage again"
            )
        outcome["outcome"], outcome["detail"] = verdict["outcome"], verdict["detail"]
        if (answer := verdict["answer"]) is not None:
            outcome["rouge_l"] = round(rouge_l(task.reference, answer), 6)
            outcome["bleu"] = round(bleu(task.reference, answer), 6)
        outcomes.append(outcome)
    if found:
        raise StageError(f"a verdict on no completion: {next(iter(found))}; run judge again")
    return outcomes
