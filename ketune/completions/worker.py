"""The process that takes completions apart: one JSON line in, one out, under limits of its own.

Deep nesting can crash an interpreter, and a hostile text may take long: here that ends this process
and costs one completion. Its time is processor time, so that other load changes no outcome.
"""

import gc
import json
import resource
import signal
import sys
from typing import Any, Literal

from ketune.completions.extract import extract_code
from ketune.completions.reasoning import strip_reasoning
from ketune.completions.stitch import TaskType, stitch

# Processor seconds and bytes of memory for one completion.
SECONDS = 20.0
MEMORY = 3 << 30


def read(
    completion: str,
    question: str,
    entry_point: str,
    task_type: TaskType | Literal["qa"],
    rules: Literal["ketune", "seed"],
) -> str:
    """The program of a code task's completion; of a question's the answer without reasoning."""
    if task_type == "qa":
        return strip_reasoning(completion).strip()
    code = extract_code(completion, entry_point)
    return stitch(question, code, entry_point, task_type, rules)


def serve() -> None:
    """Answer the jobs on standard input until it ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Trees of syntax hold no cycles: collecting them costs most of the time of large ones.
    gc.disable()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        # Its default action ends this process wherever it is.
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        reply: dict[str, Any] = {}
        try:
            reply["text"] = read(*json.loads(line))
        except (RecursionError, MemoryError) as error:
            reply["problem"] = f"it is too deep or too large ({type(error).__name__})"
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    serve()
