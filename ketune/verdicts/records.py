"""data/verdicts: what each of a model's completions says, and what executing its program showed."""

from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from ketune.tasks.completions import Condition
from ketune.tasks.records import read_records


@with_config(ConfigDict(extra="forbid", strict=True))
class TaskVerdict(TypedDict):
    """What became of one completion.

    Of a code task `outcome` is one of the judge's and `answer` is null; of a question `answer` is
    its text without reasoning and `outcome` is null. `detail` is a short line without addresses or
    directories.
    """

    task_id: str
    condition: Condition
    sample: int
    outcome: str | None
    detail: str
    answer: str | None


_VERDICT = TypeAdapter(TaskVerdict)


def read_verdicts(path: Path) -> list[TaskVerdict]:
    """Verdicts in the order of the completions. Raises StageError as `read_records` does."""
    return read_records(path, _VERDICT, "judge")
