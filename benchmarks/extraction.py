"""Reading completions: how many a second; time and memory of the texts that are hardest to read.

    python -m benchmarks.extraction            # both
    python -m benchmarks.extraction --size N   # characters of the pathological texts, 1,000,000

Throughput is of every form of an answer to Qiskit HumanEval, as an evaluation reads them. Each
pathological text is read by a process of its own: processor seconds, and the memory it adds.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

from ketune.completions.worker import read
from ketune.params import load_params
from ketune.tasks.benchmarks import load_tasks
from ketune.verdicts.reading import read_answers
from tests.completions.forms import forms

UNITS = (
    *(
        "\\",
        "\\\n",
        "`",
        "``` ",
        "```\n",
        "```\n```\n",
        "```python\n```\n",
        "```python\nx = 1\n```\n",
    ),
    *(
        "```python\ndef f(x): pass\n```\n",
        "~~~\n",
        "x```\n",
        "> ```\n",
        "1. ```\n",
        "> ",
        "> > ",
        "- ",
    ),
    *("<think>", "</think>", "<think></think>", "\n</think>\n", "```\n</think>\n```\n", "[THINK]"),
    *("<|channel|>analysis<|message|>", "<|channel|>final<|message|>x<|end|>", "<|im_end|>\n"),
    *("<answer>", "<pre>", "<code>\n", "<pre>x</pre>", "&lt;", "[PYTHON]", "    ", "    x\n", "\n"),
    *(
        "\r\n",
        "\r",
        "\t",
        "'",
        '"',
        "'''",
        "'''\n",
        '"""\n',
        "'\\",
        "`a",
        "#",
        "(",
        "(\n",
        "[",
        "{",
    ),
    *(
        "f(",
        "a.",
        "a+",
        "not ",
        "-",
        "lambda:",
        "{'a':",
        "x = 1\n",
        "f(x)\n",
        "if x:\n",
        "return\n",
    ),
    *(
        "def f(x):\n    return 1\nText it is.\n",
        "a = b\nWords go here and there.\n",
        "print(f(1))\n",
    ),
    *("```python\nprint(f(1))\n```\n", "```python\nA = 1\n```\n", ">>> x\n", "!pip\n", '{"a":'),
    *("\x00", "\ud800", "\u2028", "é", "日本", "\ufeff"),
    *(
        "1: x\n",
        "1 ",
        "In [1]: x\n",
        "   ...: x\n",
        "\u00a0",
        "\u00a0'",
        "`a` ",
        '{"code": "x"} ',
        '{"code":',
        "[[",
    ),
    "<parameter=code>",
)
ONE = "--unit"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument(ONE, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.unit is not None:
        print(json.dumps(measured(UNITS[arguments.unit], arguments.size)))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    throughput()
    pathological(arguments.size)


def throughput() -> None:
    """Completions a second, and processor milliseconds of each."""
    tasks = [
        task
        for task in load_tasks(b for b in load_params().benchmarks if b.path is not None)
        if task.type == "function_completion"
    ]
    answers = [
        (task, text)
        for task in tasks
        for _, text in forms(task.question, task.reference, task.entry_point)
    ]
    start, before = time.perf_counter(), children()
    read_answers(answers, "ketune")
    seconds = time.perf_counter() - start
    processor = 1000 * (children() - before) / len(answers)
    print(
        f"{len(answers)} completions: {len(answers) / seconds:.0f} a second, "
        f"{processor:.1f} ms of processor time each"
    )


def children() -> float:
    """Processor seconds of the processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def pathological(size: int) -> None:
    """Each text repeated to `size` characters; the slowest last."""
    rows = sorted(_each(size))
    for seconds, memory, unit in rows:
        print(f"{seconds:7.2f} s {memory:7.0f} MiB  {unit!r}")
    print(
        f"{len(rows)} texts of {size} characters: at most {rows[-1][0]:.1f} s and "
        f"{max(memory for _, memory, _ in rows):.0f} MiB"
    )


def _each(size: int) -> Iterator[tuple[float, float, str]]:
    for number, unit in enumerate(UNITS):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.extraction", ONE, str(number), "--size", str(size)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{unit!r}: status {done.returncode}: {done.stderr[-300:]}")
        seconds, memory = json.loads(done.stdout)
        yield seconds, memory, unit


def measured(unit: str, size: int) -> tuple[float, float]:
    """(processor seconds, MiB at the peak beyond the start) of reading code and an answer."""
    text = (unit * (size // len(unit) + 1))[:size]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    read(text, "def f(x):\n    pass\n", "f", "function_completion", "ketune")
    read(text, "", "", "qa", "ketune")
    seconds = time.process_time() - start
    return seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


if __name__ == "__main__":
    main()
