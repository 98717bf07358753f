"""data/prepared: the rows later stages read, in ms-swift's messages form."""

import json
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from ketune.tasks.kinds import Category, SampleType, Split
from ketune.tasks.records import read_records

IMAGE_TAG = "<image>"


class Message(TypedDict):
    """One turn. A user turn of a multimodal sample starts with IMAGE_TAG."""

    role: Literal["user", "assistant"]
    content: str


@with_config(ConfigDict(extra="forbid"))
class PreparedSample(TypedDict):
    """One line of data/prepared/{split}.jsonl, its keys in this order.

    `id` is "{split}-{row}" with the row's index in data/raw, so it survives the quarantine of
    other rows. `messages` are the user's question and the reference answer, without a system
    message. `images` has at most one path, relative to the repository's root. `source` is the
    document that the row was made from, "" where none is known. `contaminated_by` names what the
    sample repeats, [] for nothing: benchmark tasks by their task id and, of a test sample, the ids
    of the training and validation samples that repeat it.
    """

    id: str
    messages: list[Message]
    images: list[str]
    type: SampleType
    category: Category
    test_code: str
    entry_point: str
    multimodal: bool
    source: str
    contaminated_by: list[str]


@with_config(ConfigDict(extra="forbid"))
class Finding(TypedDict):
    """One line of data/prepared/contamination.jsonl: `sample` repeats `task` (a task id as in
    completions, "{benchmark}/{id}"). `rule` is of ketune/dataset/overlap.py; `overlap` is the share
    of the task's distinctive 8-grams that the sample holds, 1 for equal wholes. A `dropped` sample
    is in no split.
    """

    sample: str
    split: Split
    task: str
    rule: Literal["prompt", "solution", "test", "entry_point", "code"]
    overlap: float
    dropped: bool


_SAMPLE = TypeAdapter(PreparedSample)


def read_prepared(path: Path) -> list[PreparedSample]:
    """Samples of one prepared split, in order.

    Raises StageError: no such file, or a line that is not a sample.
    """
    return read_records(path, _SAMPLE, "prepare")


def json_line(value: object) -> str:
    """`value` as a line of a JSON Lines file."""
    return json.dumps(value, ensure_ascii=False) + "\n"


def question(sample: PreparedSample) -> str:
    """The user's text without the image tag: for a function_completion, the stub."""
    return sample["messages"][0]["content"].removeprefix(IMAGE_TAG)


def answer(sample: PreparedSample) -> str:
    """The reference answer: for a function_completion, the body only."""
    return sample["messages"][1]["content"]
