"""Completions that were produced elsewhere."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from ketune.runtime import StageError
from ketune.tasks.benchmarks import Task
from ketune.tasks.completions import Completion, Condition


@with_config(ConfigDict(extra="ignore", strict=True))
class _Row(TypedDict):
    task_id: str
    completion: str
    condition: NotRequired[Condition]
    sample: NotRequired[Annotated[int, Field(ge=0)]]
    truncated: NotRequired[bool]


_ROW = TypeAdapter(_Row)


def import_completions(
    path: Path, tasks: Sequence[Task], md5: str | None = None
) -> list[Completion]:
    """Completions of `tasks` from a JSONL produced elsewhere, in the order of the tasks.

    A line has `task_id` and `completion`, and may have `sample` (from 0), `condition` and
    `truncated`; anything else is ignored. A task_id is "{benchmark}/{id}", or the id in the
    benchmark's own file where one benchmark alone has it. `md5` pins the file.

    Raises StageError naming the file and line: not the pinned file, not JSON, not a completion, an
    unknown or ambiguous task, a second completion of a task, condition and sample; or the file and
    task: one without completions, or with fewer samples than others.
    """
    known = _by_id(tasks)
    completions: dict[tuple[str, Condition, int], Completion] = {}
    lines: dict[tuple[str, Condition, int], int] = {}
    for number, line in enumerate(_read(path, md5).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        row = _parse(where, line)
        task = _find(where, row["task_id"], known)
        condition = row.get("condition", "standard")
        if condition == "blank_images" and not task.images:
            raise StageError(f"{where}: condition: {task.task_id} has no image that could be blank")
        key = (task.task_id, condition, row.get("sample", 0))
        if key in completions:
            raise StageError(
                f"{where}: task_id: a second completion of {task.task_id}, the first is on line "
                f"{lines[key]}; number them by `sample`, from 0"
            )
        lines[key] = number
        completions[key] = {
            "task_id": task.task_id,
            "benchmark": task.benchmark,
            "condition": condition,
            "sample": key[2],
            "completion": row["completion"],
            "truncated": row.get("truncated", False),
        }
    _check_complete(path, tasks, completions)
    order = {task.task_id: position for position, task in enumerate(tasks)}
    return sorted(
        completions.values(),
        key=lambda c: (order[c["task_id"]], c["condition"] != "standard", c["sample"]),
    )


def _read(path: Path, md5: str | None) -> str:
    if not path.is_file():
        raise StageError(f"{path} not found; put the completions there, or correct the path")
    content = path.read_bytes()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 not in {None, found}:
        raise StageError(f"{path}: MD5 is {found}, its baseline pins {md5}; set md5 to {found}")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise StageError(f"{path}: not UTF-8 ({error.reason} at byte {error.start})") from None


def _by_id(tasks: Iterable[Task]) -> dict[str, list[Task]]:
    known: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        for name in {task.task_id, task.source_id or task.task_id}:
            known[name].append(task)
    return known


def _parse(where: str, line: str) -> Any:
    try:
        return _ROW.validate_python(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "line"
        raise StageError(
            f"{where}: {field}: {first['msg']}; a line has task_id, completion and, where needed, "
            "sample and condition"
        ) from None
    except ValueError as error:
        raise StageError(f"{where}: not JSON ({error})") from None


def _find(where: str, name: str, known: dict[str, list[Task]]) -> Task:
    found = known.get(name, [])
    if len(found) == 1:
        return found[0]
    if not found:
        raise StageError(
            f"{where}: task_id: {name!r} is no task that this baseline answers; task ids look "
            f"like {next(iter(known))!r}"
        )
    raise StageError(
        f"{where}: task_id: {name!r} is in {' and '.join(t.benchmark for t in found)}; write "
        f"{found[0].task_id!r} or {found[1].task_id!r}, or limit the baseline's `benchmarks`"
    )


def _check_complete(
    path: Path, tasks: Sequence[Task], found: Iterable[tuple[str, Condition, int]]
) -> None:
    samples: dict[tuple[str, Condition], set[int]] = defaultdict(set)
    for task_id, condition, sample in found:
        samples[task_id, condition].add(sample)
    blank = any(condition == "blank_images" for _, condition in samples)
    expected: list[tuple[str, Condition]] = [(task.task_id, "standard") for task in tasks]
    expected += [(t.task_id, "blank_images") for t in tasks if blank and t.images]
    if missing := [key for key in expected if key not in samples]:
        task_id, condition = missing[0]
        raise StageError(
            f"{path}: no completion of {task_id} ({condition}; {len(missing)} of {len(expected)} "
            "lack one); add them, or say in the baseline what it does not answer: "
            "`multimodal: false`, `benchmarks`"
        )
    count = max(len(numbers) for numbers in samples.values())
    for (task_id, condition), numbers in samples.items():
        if numbers != set(range(count)):
            raise StageError(
                f"{path}: {task_id} ({condition}) has samples {sorted(numbers)}; every task needs "
                f"0 to {count - 1}"
            )
