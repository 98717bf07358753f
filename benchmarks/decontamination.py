"""Precision and recall of decontamination: benchmark tasks planted in every disguise among rows
that are clean.

    python -m benchmarks.decontamination

Needs the benchmark files (`dvc --cd data/benchmarks pull`).
"""

import argparse
import ast
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random

from ketune.dataset.contract import reference_program
from ketune.dataset.overlap import (
    FOREIGN,
    Content,
    TaskIndex,
    fingerprint,
    index_tasks,
    overlaps,
    task_print,
)
from ketune.params import load_params
from ketune.synthetic.stream import samples
from ketune.tasks.benchmarks import Task, load_tasks

SEED = 20
_UNRELATED = (
    "Explain why the sky appears blue at noon and red at dusk, and what Rayleigh scattering has to "
    "do with the difference."
)


@dataclass(frozen=True)
class Measured:
    """What was found of one kind of row: `found` of `rows`."""

    kind: str
    planted: bool
    rows: int
    found: int


def content(kind: str, prompt: str, solution: str, test: str, entry_point: str) -> Content:
    """A row of sample type `kind` as decontamination sees it."""
    program = "" if kind == "qa" else reference_program(kind, prompt, solution)
    return Content(
        prompt, solution, test, entry_point, program, None, kind == "function_completion"
    )


def of_task(task: Task) -> Content:
    """A benchmark's task as a row."""
    return content(task.type, task.question, task.reference, task.test_code, task.entry_point)


def program_of(task: Task) -> str:
    """The reference solution as a module."""
    return reference_program(task.type, task.question, task.reference)


def asked(task: Task) -> str:
    """What the task asks, without a stub's code."""
    if task.type == "code_generation":
        return task.question
    function = next(n for n in ast.parse(task.question).body if isinstance(n, ast.FunctionDef))
    return ast.get_docstring(function) or ""


def reformatted(task: Task) -> Content:
    """The task, its code printed anew and its text wrapped to another width."""
    text = textwrap.fill(asked(task), 37).replace("'", "`")
    code = ast.unparse(ast.parse(program_of(task)))
    test = ast.unparse(ast.parse(task.test_code))
    return content("code_generation", f"## Task\n\n* {text}\n", code, test, task.entry_point)


def renamed(program: str) -> str:
    """A program with every function, argument and variable of its own renamed."""
    tree = ast.parse(program)
    own: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            own.setdefault(node.name, f"solve_{len(own)}")
            own.update({arg.arg: f"given_{len(own)}_{arg.arg[:1]}" for arg in node.args.args})
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            own.setdefault(node.id, f"thing_{len(own)}")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.name = own[node.name]
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
        elif isinstance(node, ast.arg):
            node.arg = own.get(node.arg, node.arg)
        elif isinstance(node, ast.Name):
            node.id = own.get(node.id, node.id)
    return ast.unparse(tree)


def _edited(task: Task) -> Content:
    words = asked(task).split()
    words[len(words) // 2] = "whatever"
    return content("qa", " ".join(words), "No.", "", "")


DISGUISES: dict[str, Callable[[Task], Content]] = {
    "verbatim": of_task,
    "reformatted": reformatted,
    "renamed variables": lambda task: content(
        "code_generation", asked(task), renamed(program_of(task)), "", "answer"
    ),
    "prompt only": lambda task: content("qa", f"Please: {asked(task)}", "No.", "", ""),
    "prompt only, one word changed": _edited,
    "solution only": lambda task: content(
        "code_generation", _UNRELATED, program_of(task), "", task.entry_point
    ),
    "solution only, renamed variables": lambda task: content(
        "code_generation", _UNRELATED, renamed(program_of(task)), "", "answer"
    ),
    "solution in a question's answer": lambda task: content(
        "qa", _UNRELATED, f"Like this:\n```python\n{renamed(program_of(task))}\n```\n", "", ""
    ),
    "test only": lambda task: content("qa", _UNRELATED, "No.", task.test_code, ""),
}


def near_misses(tasks: Sequence[Task]) -> dict[str, list[Content]]:
    """Clean rows that resemble tasks: the same name, signature and imports, or a common line."""
    test = "def check(candidate):\n    assert isinstance(candidate(), QuantumCircuit)"
    return {
        "a task's name, signature and imports, another question": [
            content("function_completion", _asking_else(task), "    ...\n", test, task.entry_point)
            for task in tasks
            if task.type == "function_completion"
        ],
        "a line that any author writes": [
            content("code_generation", "Make a circuit.", code, test, "f")
            for code in (
                "from qiskit import QuantumCircuit\n\ndef f(n):\n    return QuantumCircuit(n)",
                "def f(circuit):\n    return circuit.decompose()",
                "from qiskit import transpile\n\ndef f(c):\n    return transpile(c)",
            )
        ],
    }


def _asking_else(task: Task) -> str:
    """The task's stub with another docstring."""
    tree = ast.parse(task.question)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.Expr(ast.Constant(_UNRELATED))]
    return ast.unparse(tree)


def clean_rows(count: int, seed: int) -> Iterator[Content]:
    """Rows of the synthetic generator, which knows nothing of the benchmarks."""
    for sample in islice(samples("train", seed, draw=False), count):
        yield content(
            sample.type, sample.question, sample.answer, sample.test_code, sample.entry_point
        )


def measure(tasks: Sequence[Task], clean: int = 3000) -> list[Measured]:
    """Plant every task in every disguise, and look for each among all `tasks`.

    A plant is found when its own task is named (under either form of the benchmark); a clean row
    when any task is. "Other tasks": each task against the index of the others.
    """
    indexes = [
        index_tasks(
            [(t.task_id, task_print(of_task(t))) for t in tasks if t.benchmark == name], FOREIGN
        )
        for name in sorted({task.benchmark for task in tasks})
    ]
    results = []
    for kind, disguise in DISGUISES.items():
        found = [number(task.task_id) in _found(indexes, disguise(task)) for task in tasks]
        results.append(Measured(kind, True, len(found), sum(found)))
    for kind, rows in near_misses(tasks).items():
        hits = sum(bool(_found(indexes, row)) for row in rows)
        results.append(Measured(kind, False, len(rows), hits))
    hits = sum(bool(_found(indexes, row)) for row in clean_rows(clean, SEED))
    results.append(Measured("synthetic rows", False, clean, hits))
    others = [
        bool(_found(indexes, of_task(task)) - {number(task.task_id)})
        for task in Random(SEED).sample(list(tasks), len(tasks))
    ]
    results.append(Measured("other tasks of the benchmark", False, len(others), sum(others)))
    return results


def number(task_id: str) -> str:
    """A task's number, the same in both forms."""
    return task_id.rpartition("/")[2]


def _found(indexes: Sequence[TaskIndex], row: Content) -> set[str]:
    keys = fingerprint(row)
    return {number(overlap.task_id) for index in indexes for overlap in overlaps(index, keys)}


def precision(results: Sequence[Measured]) -> float:
    """Found plants among all that was found, over the kinds but the benchmark's own neighbours."""
    kept = [r for r in results if r.kind != "other tasks of the benchmark"]
    true = sum(r.found for r in kept if r.planted)
    return true / (true + sum(r.found for r in kept if not r.planted))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clean", type=int, default=20_000, help="synthetic rows to look through")
    clean = parser.parse_args().clean
    tasks = load_tasks([b for b in load_params().benchmarks if b.path])
    started = time.process_time()
    results = measure(tasks, clean)
    print(f"{'kind of row':56} {'rows':>6} {'found':>6}")
    for row in results:
        name = row.kind if row.planted else f"clean: {row.kind}"
        print(f"{name:56} {row.rows:6} {row.found:6} {row.found / row.rows:7.1%}")
    recall = sum(r.found for r in results if r.planted) / sum(r.rows for r in results if r.planted)
    print(f"recall {recall:.3f}, precision {precision(results):.4f}")
    print(f"{time.process_time() - started:.1f} s of CPU")


if __name__ == "__main__":
    main()
