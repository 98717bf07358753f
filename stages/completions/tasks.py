"""The tasks of all benchmarks, in one form that generate and evaluate share."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from stages.dataset.prepared import PreparedSample, answer, question, read_prepared
from stages.params.schema import Benchmark
from stages.runtime import StageError

TEST_SPLIT = Path("data/prepared/test.jsonl")


@dataclass(frozen=True)
class Task:
    """What a model is asked and what its answer is held against.

    `task_id` is "{benchmark}/{id}", unique over all benchmarks. `question` is the stub for a
    function_completion. `images` are paths relative to the repository's root. `test_code` and
    `entry_point` are empty for a qa. `category` of a Qiskit HumanEval task is its difficulty.
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


class _HumanEvalRow(TypedDict):
    task_id: str
    prompt: str
    canonical_solution: str
    test: str
    entry_point: str
    difficulty_scale: str


_HUMAN_EVAL = TypeAdapter(list[_HumanEvalRow])


def load_tasks(benchmarks: Iterable[Benchmark], test_split: Path = TEST_SPLIT) -> list[Task]:
    """Tasks of `benchmarks`, in their order; `dataset` is the prepared test split.

    Raises StageError: a missing file, one whose MD5 is not the pinned one, or a malformed one.
    """
    tasks: list[Task] = []
    for benchmark in benchmarks:
        if benchmark.path is None or benchmark.type is None:
            tasks += [_from_sample(sample, benchmark.name) for sample in read_prepared(test_split)]
        else:
            tasks += _from_file(benchmark, Path(benchmark.path), benchmark.type)
    return tasks


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
    )


def _from_file(
    benchmark: Benchmark, path: Path, kind: Literal["function_completion", "code_generation"]
) -> list[Task]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StageError(f"{path} not found; fetch it with `dvc --cd {path.parent} pull`") from None
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 != benchmark.md5:
        raise StageError(
            f"{path}: MD5 is {md5}, params.yaml pins {benchmark.md5} for {benchmark.name}; "
            f"fetch the pinned file with `dvc --cd {path.parent} pull --force`"
        )
    try:
        rows = _HUMAN_EVAL.validate_python(json.loads(content))
    except (ValidationError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise StageError(f"{path}: not a Qiskit HumanEval file: {reason}") from None
    return [
        Task(
            task_id=f"{benchmark.name}/{row['task_id'].rpartition('/')[2]}",
            benchmark=benchmark.name,
            type=kind,
            category=row["difficulty_scale"],
            question=row["prompt"],
            images=(),
            test_code=row["test"],
            entry_point=row["entry_point"],
            reference=row["canonical_solution"],
            multimodal=False,
        )
        for row in rows
    ]
