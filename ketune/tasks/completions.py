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

    `scorable` is false where the reference solution does not pass in the judge either.
    """

    task_id: str
    benchmark: str
    condition: Condition
    sample: int
    type: str
    category: str
    multimodal: bool
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


def write_completions(path: Path, completions: Iterable[Completion]) -> None:
    """Write completions in the given order, atomically."""
    write_records(path, completions)
