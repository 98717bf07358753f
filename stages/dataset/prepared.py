"""data/prepared: the rows later stages read, in ms-swift's messages form."""

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from stages.dataset.contract import Category, SampleType
from stages.runtime import StageError, read_jsonl

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
    message. `images` has at most one path, relative to the repository's root.
    """

    id: str
    messages: list[Message]
    images: list[str]
    type: SampleType
    category: Category
    test_code: str
    entry_point: str
    multimodal: bool


_SAMPLE = TypeAdapter(PreparedSample)


def read_prepared(path: Path) -> list[PreparedSample]:
    """Samples of one prepared split, in order.

    Raises StageError: no such file, or a line that is not a sample.
    """
    if not path.is_file():
        raise StageError(f"{path} not found; run the prepare stage (dvc repro prepare)")
    samples = []
    for number, row in enumerate(read_jsonl(path), 1):
        try:
            samples.append(_SAMPLE.validate_python(row))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise StageError(
                f"{path}:{number}: {field}: {first['msg']}; run the prepare stage again"
            ) from None
    return samples


def question(sample: PreparedSample) -> str:
    """The user's text without the image tag: for a function_completion, the stub."""
    return sample["messages"][0]["content"].removeprefix(IMAGE_TAG)


def answer(sample: PreparedSample) -> str:
    """The reference answer: for a function_completion, the body only."""
    return sample["messages"][1]["content"]
