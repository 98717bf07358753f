"""The tasks of all benchmarks, in one form that generate and evaluate share."""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from keyword import iskeyword
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import StringConstraints, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ketune.params.schema import Baseline, Benchmark
from ketune.paths import TEST
from ketune.runtime import StageError, fingerprint
from ketune.tasks.samples import PreparedSample, answer, question, read_prepared

Text = Annotated[str, StringConstraints(strict=True, min_length=1, pattern=r"\S")]


@dataclass(frozen=True)
class Task:
    """What a model is asked and what its answer is held against.

    `task_id` is "{benchmark}/{id}", unique over all benchmarks. `question` is the stub for a
    function_completion. `images` are paths relative to the repository's root. `test_code` and
    `entry_point` are empty for a qa. `category` of a Qiskit HumanEval task is its difficulty, ""
    where none is given; `reference` is "" where none is given. `source_id` is the id in the
    benchmark's own file.
    """

    task_id: str
    benchmark: str
    type: Literal["function_completion", "code_generation", "qa"]
    category: str
    question: str
    images: tuple[str, ...]
    test_code: str
    entry_point: str
    reference: str
    multimodal: bool
    source_id: str = ""


class _HumanEvalRow(TypedDict):
    task_id: Text
    prompt: Text
    test: Text
    entry_point: Text
    canonical_solution: NotRequired[str | None]
    difficulty_scale: NotRequired[str | None]


_HUMAN_EVAL_ROW = TypeAdapter(_HumanEvalRow)


def load_tasks(benchmarks: Iterable[Benchmark], test_split: Path = TEST) -> list[Task]:
    """Tasks of `benchmarks`, in their order; `dataset` is the prepared test split.

    A benchmark's file is a JSON array or JSON Lines of tasks in Qiskit HumanEval's form.

    Raises StageError: a missing file, one without tasks or whose MD5 is not the pinned one, a row
    that is no task, a second task of one id, or a test that cannot be run, with the row's number.
    """
    tasks: list[Task] = []
    for benchmark in benchmarks:
        if benchmark.path is None or benchmark.type is None:
            tasks += [_from_sample(sample, benchmark.name) for sample in read_prepared(test_split)]
        else:
            tasks += _from_file(benchmark, Path(benchmark.path), benchmark.type)
    return tasks


def applicable(tasks: Iterable[Task], baseline: Baseline) -> list[Task]:
    """The tasks that a baseline answers, in order: the others are no failures of it."""
    return [
        task
        for task in tasks
        if (baseline.multimodal or not task.images)
        and (baseline.benchmarks is None or task.benchmark in baseline.benchmarks)
    ]


def short_name(tasks: Sequence[Task]) -> str:
    """The benchmarks in few characters: the first one's name, how many more, a digest of all."""
    names = list(dict.fromkeys(task.benchmark for task in tasks))
    more = f"+{len(names) - 1}" if len(names) > 1 else ""
    content = json.dumps([asdict(task) for task in tasks], sort_keys=True)
    return fingerprint(names[0][:8] + more, hashlib.sha256(content.encode()).hexdigest())


def _from_sample(sample: PreparedSample, benchmark: str) -> Task:
    return Task(
        task_id=f"{benchmark}/{sample['id']}",
        benchmark=benchmark,
        type=sample["type"],
        category=sample["category"],
        question=question(sample),
        images=tuple(sample["images"]),
        test_code=sample["test_code"],
        entry_point=sample["entry_point"],
        reference=answer(sample),
        multimodal=sample["multimodal"],
        source_id=sample["id"],
    )


def _from_file(
    benchmark: Benchmark, path: Path, kind: Literal["function_completion", "code_generation"]
) -> list[Task]:
    imported = Path(f"{path}.dvc").is_file()
    fetch = f"fetch it with `dvc --cd {path.parent} pull --force`" if imported else "put it there"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StageError(f"{path} not found; {fetch}") from None
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != benchmark.md5:
        raise StageError(
            f"{path}: MD5 is {md5}, params.yaml pins {benchmark.md5} for {benchmark.name}; "
            f"that is another file: {fetch}, or pin this one"
        )
    tasks: dict[str, Task] = {}
    for where, row in _rows(path, content):
        task = _from_row(where, row, benchmark.name, kind)
        if task.task_id in tasks:
            raise StageError(
                f"{where}: task_id: {row['task_id']!r} and {tasks[task.task_id].source_id!r} are "
                f"both task {task.task_id}; what follows the last / must differ"
            )
        tasks[task.task_id] = task
    if not tasks:
        raise StageError(f"{path}: holds no task; remove {benchmark.name} from benchmarks")
    return list(tasks.values())


def _rows(path: Path, content: bytes) -> Iterator[tuple[str, Any]]:
    """(where it stands, row) of a JSON array, or of a .jsonl with a row a line."""
    if path.suffix == ".jsonl":
        for number, line in enumerate(content.splitlines(), 1):
            if line.strip():
                where = f"{path}:{number}"
                yield where, _json(where, line)
        return
    rows = _json(str(path), content)
    if not isinstance(rows, list):
        raise StageError(f"{path}: not a Qiskit HumanEval file: expected a JSON array of tasks")
    for number, row in enumerate(rows, 1):
        yield f"{path}: row {number}", row


def _json(where: str, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StageError(f"{where}: not a Qiskit HumanEval file: not JSON ({error})") from None


def _from_row(
    where: str, row: Any, benchmark: str, kind: Literal["function_completion", "code_generation"]
) -> Task:
    try:
        valid = _HUMAN_EVAL_ROW.validate_python(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "row"
        raise StageError(
            f"{where}: {field}: {first['msg']}; a task has task_id, prompt, test, entry_point and, "
            "where known, canonical_solution and difficulty_scale"
        ) from None
    if not valid["entry_point"].isidentifier() or iskeyword(valid["entry_point"]):
        raise StageError(f"{where}: entry_point: {valid['entry_point']!r} is no name of a function")
    if problem := _test_problem(valid["test"]):
        raise StageError(f"{where}: test: {problem}; no completion could pass or fail it")
    return Task(
        task_id=f"{benchmark}/{valid['task_id'].rpartition('/')[2]}",
        benchmark=benchmark,
        type=kind,
        category=valid.get("difficulty_scale") or "",
        question=valid["prompt"],
        images=(),
        test_code=valid["test"],
        entry_point=valid["entry_point"],
        reference=valid.get("canonical_solution") or "",
        multimodal=False,
        source_id=valid["task_id"],
    )


def _test_problem(test: str) -> str:
    """Why the judge could not run a test, "" if it could."""
    try:
        tree = ast.parse(test)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"does not compile ({error})"
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = [node.name for node in tree.body if isinstance(node, functions)]
    if any(name == "check" or name.startswith("test_") for name in names):
        return ""
    return "defines neither check(candidate) nor a test_* function"
