"""From a task and a text to the program that the judge runs."""

from ketune.completions.context import trusted_context
from ketune.completions.extract import extract_code
from ketune.completions.stitch import Rules, stitch
from ketune.judge import Program
from ketune.tasks.benchmarks import Task


def build_program(task: Task, completion: str, *, rules: Rules, timeout: float) -> Program:
    """The program of a code task's completion: extracted, stitched, limited to `timeout` seconds.

    Raises ValueError for a question, which has no program.
    """
    if task.type == "qa":
        raise ValueError(f"{task.task_id} is a question")
    code = extract_code(completion, task.entry_point)
    source = stitch(task.question, code, task.entry_point, task.type, rules)
    return Program(
        task.task_id,
        source,
        task.test_code,
        task.entry_point,
        context=trusted_context(task),
        timeout=timeout,
    )
