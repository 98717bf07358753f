"""data/verdicts: what executing each program of a model's completions showed."""

from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from ketune.tasks.completions import Condition
from ketune.tasks.records import read_records


@with_config(ConfigDict(extra="forbid", strict=True))
class TaskVerdict(TypedDict):
    """The verdict on one completion of a code task.

    `outcome` is one of the judge's; `detail` a short line without addresses or directories.
    """

    task_id: str
    condition: Condition
    sample: int
    outcome: str
    detail: str


_VERDICT = TypeAdapter(TaskVerdict)


def read_verdicts(path: Path) -> list[TaskVerdict]:
    """Verdicts in the order of the completions. Raises StageError as `read_records` does."""
    return read_records(path, _VERDICT, "judge")
