"""How often to evaluate, when evaluations may cost a share of all FLOPs (`eval_share`).

The counts are estimates from the prepared rows alone, the same on every machine: four characters of
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
from ketune.training.counts import Work
from ketune.training.flops import (
    Architecture,
    Passes,
    adapter_parameters,
    count_passes,
    read_architecture,
    tokens_of_image,
)
from ketune.training.processes import global_batch, processes

_CHARACTERS = 4  # a token
_TEMPLATE = 16  # tokens of the chat template around a row's two messages


@dataclass(frozen=True)
class Schedule:
    """Evaluations of a run: before its first step, every `interval` of `steps`, and at the last."""

    interval: int
    steps: int
    evaluations: int
    share: float


def training_steps(params: Params, rows: int) -> int:
    """Optimiser steps of a run over `rows`, as transformers' Trainer counts them."""
    batches = math.ceil(rows // processes(params) / params.per_device_train_batch_size)
    per_epoch = math.ceil(batches / params.gradient_accumulation_steps)
    return math.ceil(params.num_train_epochs * per_epoch)


def plan_evaluations(
    params: Params, config: Mapping[str, Any], train: Path, validation: Path
) -> Schedule | None:
    """The shortest interval at which evaluations cost at most `eval_share` of all FLOPs.

    With `eval_share` 0 the interval is `eval_steps`, and the share is what it costs: hardware
    FLOPs, recomputation among them, padding apart. None where nothing is asked for nor known.

    Raises StageError: the model's FLOPs are not known, `eval_strategy` is not steps, or the
    evaluations before the first and after the last step alone cost more.
    """
    architecture = read_architecture(config)
    if architecture is None or params.eval_strategy != "steps":
        if not params.eval_share:
            return None
        lack = "eval_strategy steps" if architecture else "a model whose FLOPs are known"
        raise StageError(f"eval_share needs {lack}; use -S eval_share=0, and eval_steps")
    rows, evaluated = (_estimate(path, architecture, params) for path in (train, validation))
    steps = training_steps(params, rows.rows)
    epochs = steps * global_batch(params) / rows.rows
    passes = _passes(params, architecture, rows, evaluated)
    share = {n: _share(passes, epochs, n) for n in range(2, steps + 2)}
    if not params.eval_share:
        return _schedule(params.eval_steps, steps, share)
    if share[2] > params.eval_share:
        raise StageError(
            f"eval_share {params.eval_share:g} is not possible: the evaluations before the first "
            f"and after the last step cost {share[2]:.1%} of all FLOPs; raise it, or use "
            "-S eval_share=0"
        )
    interval = next(
        k for k in range(1, steps + 1) if share[1 + math.ceil(steps / k)] <= params.eval_share
    )
    return _schedule(interval, steps, share)


def with_schedule(params: Params, schedule: Schedule) -> Params:
    """Parameters that evaluate and save at the schedule's interval."""
    return params.model_copy(
        update={"eval_steps": schedule.interval, "save_steps": schedule.interval}
    )


def _schedule(interval: int, steps: int, share: Mapping[int, float]) -> Schedule:
    evaluations = 1 + math.ceil(steps / interval)
    return Schedule(interval, steps, evaluations, share[evaluations])


def _share(passes: Passes, epochs: float, evaluations: int) -> float:
    evaluation = passes.evaluation * evaluations
    return evaluation / (passes.training * epochs + evaluation)


def _passes(params: Params, architecture: Architecture, rows: Work, evaluated: Work) -> Passes:
    """FLOPs of one epoch and of one evaluation, with adapters on every linear layer not frozen."""
    frozen = {
        "vision_tower": params.freeze_vit,
        "aligner": params.freeze_aligner,
        "llm": params.freeze_llm,
    }
    training = adapter_parameters(
        architecture, params.lora_rank, frozen, recompute=params.gradient_checkpointing
    )
    return count_passes(architecture, training, rows, evaluated)


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
