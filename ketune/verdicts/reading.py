"""What many completions say, read by workers: whatever one holds, it can only lose its own task."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ketune.completions.stitch import Rules
from ketune.runtime import StageError
from ketune.tasks.benchmarks import Task

# Characters; the longest answers of models that reason have a tenth of it.
MAX_COMPLETION = 2_000_000
# Characters of an answer to a question: what compares it takes seconds for so many.
MAX_ANSWER = 100_000
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Reading:
    """The program of a code task's completion, or the answer to a question without reasoning.

    `problem` says why the text is empty where reading it failed, "" otherwise.
    """

    text: str
    problem: str = ""


def read_answers(
    answered: Sequence[tuple[Task, str]], rules: Rules, workers: int | None = None
) -> list[Reading]:
    """What each completion of a task says, in their order.

    A completion of more than MAX_COMPLETION characters, or one that takes a worker 20 processor
    seconds, 3 GiB or its life, has a problem and no text. Raises StageError if no worker starts.
    """
    workers = min(workers or len(os.sched_getaffinity(0)), max(1, len(answered) // 50))

    def part(first: int) -> list[Reading]:
        with _Worker() as worker:
            return [worker.read(task, text, rules) for task, text in answered[first::workers]]

    readings: list[Reading] = [Reading("")] * len(answered)
    with ThreadPoolExecutor(workers) as pool:
        for first, found in enumerate(pool.map(part, range(workers))):
            readings[first::workers] = found
    return readings


def _unread(why: str) -> Reading:
    return Reading("", f"the completion cannot be read: {why}")


class _Worker:
    """A process that reads completions, replaced when one ends it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.last_words = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def read(self, task: Task, completion: str, rules: Rules) -> Reading:
        if len(completion) > MAX_COMPLETION:
            return _unread(f"it has {len(completion)} characters, more than {MAX_COMPLETION}")
        job = json.dumps([completion, task.question, task.entry_point, task.type, rules])
        # What earlier completions left in a worker must not decide: the second one is fresh.
        reply = self.ask(job) or self.ask(job) or {"problem": self.last_words}
        if why := reply.get("problem"):
            return _unread(why)
        if task.type == "qa" and len(reply["text"]) > MAX_ANSWER:
            return _unread(f"the answer has more than {MAX_ANSWER} characters")
        return Reading(reply["text"])

    def ask(self, job: str) -> dict[str, Any] | None:
        """The worker's reply, None if the job ended it."""
        process = self.process or self.start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(job + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line.endswith("\n"):
            reply: dict[str, Any] = json.loads(line)
            return reply
        status = process.wait()
        self.stop()
        if status == -signal.SIGPROF:
            return {"problem": "it takes too long"}
        self.last_words = f"it ended the reading process (status {status})"
        return None

    def start(self) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ketune.completions.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
            text=True,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        if not self.process.stdout.readline():
            self.stop()
            raise StageError(
                "no process that reads completions starts; its message stands above: free memory, "
                "or install the environment again (make env)"
            )
        return self.process

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):  # it ended with a job half written
                    stream.close()
        self.process = None
