"""How often to evaluate, when evaluations may cost a share of all FLOPs (`eval_share`).

The work is estimated from the prepared rows alone, the same on every machine: four characters of
Qwen's prompts and code are about one token, an image is a token per area of one. Errors of the
rule cancel, as it is applied to training and validation rows alike.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from ketune.params import Params
from ketune.runtime import StageError, read_jsonl
from ketune.training.flops import (
    Architecture,
    Work,
    count_flops,
    read_architecture,
    tokens_of_image,
)
from ketune.training.processes import global_batch, processes

_CHARACTERS = 4  # a token
_TEMPLATE = 16  # tokens of the chat template around a row's two messages


@dataclass(frozen=True)
class Schedule:
    """Evaluations of a run: before its first step, every `interval` of `steps`, and at the last.

    `training` are the FLOPs of all steps, `evaluation` those of one evaluation.
    """

    interval: int
    steps: int
    training: float
    evaluation: float

    @property
    def evaluations(self) -> int:
        return 1 + math.ceil(self.steps / self.interval)

    @property
    def share(self) -> float:
        """What the evaluations cost of all FLOPs."""
        evaluation = self.evaluation * self.evaluations
        return evaluation / (self.training + evaluation)


def training_steps(params: Params, rows: int) -> int:
    """Optimiser steps of a run over `rows`, as transformers' Trainer counts them."""
    batches = math.ceil(rows // processes(params) / params.per_device_train_batch_size)
    per_epoch = math.ceil(batches / params.gradient_accumulation_steps)
    return math.ceil(params.num_train_epochs * per_epoch)


def plan_evaluations(
    params: Params, config: Mapping[str, Any], train: Path, validation: Path
) -> Schedule | None:
    """The shortest interval at which evaluations cost at most `eval_share` of all FLOPs.

    With `eval_share` 0 the interval is `eval_steps`. FLOPs are those of the hardware, recomputation
    among them, padding apart. None where nothing is asked for nor known.

    Raises StageError: the model's FLOPs are not known, `eval_strategy` is not steps, or the
    evaluations before the first and after the last step alone cost more.
    """
    architecture = read_architecture(config)
    if architecture is None or params.eval_strategy != "steps":
        if not params.eval_share:
            return None
        lack = "eval_strategy steps" if architecture else "a model whose FLOPs are known"
        raise StageError(f"eval_share needs {lack}; use -S eval_share=0, and eval_steps")
    adapters = adapter_parameters(params, architecture)
    rows = _estimate(train, architecture, params)
    epoch = count_flops(architecture, adapters, rows)
    evaluated = _estimate(validation, architecture, params)
    evaluation = count_flops(architecture, adapters, evaluated).forward
    steps = training_steps(params, rows.rows)
    recompute = epoch.recompute if params.gradient_checkpointing else 0.0
    row = (epoch.forward + epoch.backward + recompute) / rows.rows
    training = row * global_batch(params) * steps
    if not params.eval_share:
        return Schedule(params.eval_steps, steps, training, evaluation)
    least = Schedule(steps, steps, training, evaluation)
    if least.share > params.eval_share:
        raise StageError(
            f"eval_share {params.eval_share:g} is not possible: the evaluations before the first "
            f"and after the last step cost {least.share:.1%} of all FLOPs; raise it, or use "
            "-S eval_share=0"
        )
    schedules = (Schedule(n, steps, training, evaluation) for n in range(1, steps + 1))
    return next(schedule for schedule in schedules if schedule.share <= params.eval_share)


def with_schedule(params: Params, schedule: Schedule) -> Params:
    """Parameters that evaluate and save at the schedule's interval."""
    return params.model_copy(
        update={"eval_steps": schedule.interval, "save_steps": schedule.interval}
    )


def adapter_parameters(params: Params, architecture: Architecture) -> dict[str, int]:
    """Parameters of adapters on every linear layer that is not frozen, by part."""
    edges = {part: params.lora_rank * layers.edges for part, layers in architecture.parts.items()}
    return {
        "vision_tower": 0 if params.freeze_vit else edges.get("vision_tower", 0),
        "aligner": 0 if params.freeze_aligner else edges.get("entry", 0) + edges.get("aligner", 0),
        "llm": 0 if params.freeze_llm else edges["llm"],
    }


def _estimate(path: Path, architecture: Architecture, params: Params) -> Work:
    """The work of one pass over prepared rows."""
    fixed = _TEMPLATE + len(params.system) / _CHARACTERS
    tokens = squares = scored = patches = patch_squares = 0.0
    rows = read_jsonl(path)
    for row in rows:
        question, answer = (len(message["content"]) / _CHARACTERS for message in row["messages"])
        seen = [
            tokens_of_image(architecture, *_size(image), params.max_pixels)
            for image in row["images"]
        ]
        length = fixed + question + answer + sum(seen)
        tokens, squares, scored = tokens + length, squares + length**2, scored + answer
        patches += sum(seen) * architecture.merge
        patch_squares += sum((image * architecture.merge) ** 2 for image in seen)
    return Work(len(rows), *(round(n) for n in (tokens, squares, scored, patches, patch_squares)))


@cache
def _size(image: str) -> tuple[int, int]:
    with Image.open(image) as picture:
        return picture.size
