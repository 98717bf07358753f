"""What a test may use besides the program: names that the task's own text gives it."""

import ast

from ketune.completions.indentation import aligned, parse
from ketune.tasks.benchmarks import Task


def trusted_context(task: Task) -> str:
    """Source whose names the task's test may use: the stub, and the reference solution's imports.

    Tests lean on imports that they share with the solution. Those come from the task, never from a
    completion, which could import something else under the same name. Never raises: "" where
    nothing parses.
    """
    parts = []
    if task.type == "function_completion":
        stub = task.question.replace("\r\n", "\n").rstrip() + "\n"
        parts += [source for source in (stub, f"{stub}    pass\n") if parse(source)][:1]
    reference = parse(aligned(task.reference) or "")
    if reference is not None:
        imports = (node for node in reference.body if isinstance(node, ast.Import | ast.ImportFrom))
        parts += map(ast.unparse, imports)
    return "\n".join(parts) + "\n" if parts else ""
