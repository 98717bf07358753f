"""From a task and a text to the program that the judge runs."""

from ketune.completions.context import trusted_context
from ketune.completions.stitch import Rules
from ketune.completions.worker import read
from ketune.judge import Program
from ketune.tasks.benchmarks import Task


def build_program(task: Task, completion: str, *, rules: Rules, timeout: float) -> Program:
    """The program of a code task's completion: extracted, stitched, limited to `timeout` seconds.

    In this process: for texts that are trusted to be no attack, as reference solutions. Raises
    ValueError for a question, which has no program.
    """
    if task.type == "qa":
        raise ValueError(f"{task.task_id} is a question")
    source = read(completion, task.question, task.entry_point, task.type, rules)
    return program_of(task, source, timeout=timeout)


def program_of(task: Task, source: str, *, timeout: float) -> Program:
    """The module `source` against the task's test."""
    return Program(
        task.task_id,
        source,
        task.test_code,
        task.entry_point,
        context=trusted_context(task),
        timeout=timeout,
    )
