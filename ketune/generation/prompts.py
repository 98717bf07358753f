"""Prompts, answers, and what a backend is, whichever answers."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketune.models.locate import Model
from ketune.params import Baseline, Params
from ketune.tasks.benchmarks import Task
from ketune.tasks.completions import Condition

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Prompt:
    """A task under a condition."""

    task: Task
    condition: Condition

    @property
    def key(self) -> tuple[str, Condition]:
        return self.task.task_id, self.condition

    def images(self) -> "list[str | Image]":
        """Paths, or white pictures of the same sizes in condition "blank_images"."""
        if self.condition == "standard":
            return list(self.task.images)
        return [_blank(Path(path)) for path in self.task.images]


@dataclass(frozen=True)
class Answer:
    """One sample. `truncated`: it ran into max_new_tokens."""

    text: str
    truncated: bool


# Of a batch of prompts: n_samples answers each, and the tokens that they took, 0 if unknown.
Record = Callable[[Sequence[Prompt], Sequence[Sequence[Answer]], int], None]
# Answers batches and records each when it is whole, in any order.
Engine = Callable[[Sequence[Sequence[Prompt]], Record], None]


@dataclass(frozen=True)
class Subject:
    """The model to query. `own_template`: with the chat template and system prompt of its files."""

    label: str
    model: Model
    own_template: bool


@dataclass(frozen=True)
class Backend:
    """One way to have prompts answered.

    `gpus`: how many it leases. `packages`: those whose versions are recorded. `batch_size`: prompts
    that are answered, and recorded, together. `locate`: the model to query and `params` settled for
    it, after checks of this machine. `check`: whether the model can take the prompts.
    `determinants`: what answers depend on beside model, prompts and sampling. `load`: the engine.
    Both raise StageError where the model cannot be had or run.
    """

    gpus: int
    packages: tuple[str, ...]
    batch_size: Callable[[Params], int]
    locate: Callable[[Params, Baseline, str], tuple[Params, Subject]]
    check: Callable[[Params, Subject, list[Prompt]], None]
    determinants: Callable[[Params, Subject], dict[str, Any]]
    provenance: Callable[[Params, Subject], dict[str, Any]]
    load: Callable[[Params, Subject], Engine]


def prompts_of(tasks: Iterable[Task], *, blank_images: bool) -> list[Prompt]:
    """A prompt a task, and with `blank_images` a second one of each task with images."""
    prompts = []
    for task in tasks:
        prompts.append(Prompt(task, "standard"))
        if blank_images and task.images:
            prompts.append(Prompt(task, "blank_images"))
    return prompts


def batches(prompts: Iterable[Prompt], size: int) -> list[list[Prompt]]:
    """Prompts of similar length and modality together, in an order that only they determine.

    A batch is what is generated again if a run is killed in it.
    """
    ordered = sorted(prompts, key=lambda p: (p.task.multimodal, len(p.task.question), p.key))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def seed_of(seed: int, prompt: Prompt) -> int:
    """A seed from generation.seed and a prompt, so that a resumed run samples as a whole one."""
    digest = hashlib.sha256(f"{seed}\0{prompt.key}".encode()).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def _blank(path: Path) -> "Image":
    from PIL import Image  # noqa: PLC0415

    with Image.open(path) as image:
        return Image.new("RGB", image.size, "white")
