"""The completions file: what a model answered, one JSON object a line."""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from ketune.runtime import StageError, read_jsonl
from ketune.tasks.records import write_records

Condition = Literal["standard", "blank_images"]


@with_config(ConfigDict(extra="forbid", strict=True))
class Completion(TypedDict):
    """One answer. `sample` counts from 0 within a task and condition.

    `truncated`: the model did not end it; it ran into max_new_tokens.
    In condition "blank_images" the model saw a white picture of the same size for every image.
    """

    task_id: str
    benchmark: str
    condition: Condition
    sample: int
    completion: str
    truncated: bool


class Outcome(TypedDict):
    """What became of one completion. Code tasks have an outcome, questions have similarities.

    `image_type` is what the picture shows, as far as the question tells, "" without one.
    `scorable` is false where the reference solution does not pass in the judge either.
    """

    task_id: str
    benchmark: str
    condition: Condition
    sample: int
    type: str
    category: str
    multimodal: bool
    image_type: str
    scorable: bool
    outcome: str | None
    detail: str
    rouge_l: float | None
    bleu: float | None


_COMPLETION = TypeAdapter(Completion)


def read_completions(path: Path) -> list[Completion]:
    """Completions of one model, in the order of the file.

    Raises StageError naming the file and line: no such file, not JSON, not a completion, or the
    second one of a task, condition and sample.
    """
    if not path.is_file():
        raise StageError(f"{path} not found; run the generate stage")
    completions = []
    seen: set[tuple[str, Condition, int]] = set()
    for number, row in enumerate(read_jsonl(path), 1):
        try:
            completion = _COMPLETION.validate_python(row)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise StageError(
                f"{path}:{number}: {field}: {first['msg']}; a line has task_id, benchmark, "
                "condition, sample, completion and truncated"
            ) from None
        key = (completion["task_id"], completion["condition"], completion["sample"])
        if key in seen:
            raise StageError(f"{path}:{number}: a second completion of {key}; keep one of them")
        seen.add(key)
        completions.append(completion)
    return completions


def read_journal(path: Path) -> list[Completion]:
    """Completions that an interrupted run appended to `path`, and nothing where it is missing.

    A line that is no completion, as after a crash of the machine, is left out with a notice, and
    so is the second completion of a sample: what they were for is asked again.
    """
    found: dict[tuple[str, Condition, int], Completion] = {}
    lost = 0
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            completion = _COMPLETION.validate_json(line)
        except ValidationError:
            lost += 1
            continue
        key = (completion["task_id"], completion["condition"], completion["sample"])
        lost += key in found
        found.setdefault(key, completion)
    if lost:
        print(f"{path}: {lost} lines cannot be read; what they answered is asked again", flush=True)
    return list(found.values())


def write_completions(path: Path, completions: Iterable[Completion]) -> None:
    """Write completions in the given order, atomically."""
    write_records(path, completions)
