"""Proof that a merged model is its base with the adapter: logits and losses on held-out samples."""

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.dataset.prepared import PreparedSample
from stages.params import Params
from stages.runtime import StageError
from stages.swift.inference import load_model
from stages.swift.model import Model

if TYPE_CHECKING:
    from torch import Tensor

_PROMPTS = 8  # with an image, and as many without


@dataclass(frozen=True)
class Tolerance:
    """How far merged and unmerged may be apart. `eval_loss` is an absolute difference in nats."""

    logit: float
    top1_agreement: float
    eval_loss: float


# Merging rounds BA into the weights' dtype once; the unmerged model rounds in every forward pass.
TOLERANCES = {
    "float32": Tolerance(logit=1e-3, top1_agreement=0.999, eval_loss=1e-4),
    "bfloat16": Tolerance(logit=1.0, top1_agreement=0.97, eval_loss=0.02),
    "float16": Tolerance(logit=0.25, top1_agreement=0.98, eval_loss=0.01),
}


@dataclass(frozen=True)
class Observation:
    """A model on the validation split: its loss as training computes it, and some logits.

    `logits` has one float32 tensor (answer positions, vocabulary) a prompt.
    """

    eval_loss: float
    logits: "list[Tensor]"


@dataclass(frozen=True)
class Proof:
    """Figures of the comparison, over `positions` answer positions of `prompts` prompts."""

    prompts: int
    positions: int
    largest_logit_difference: float
    top1_agreement: float
    adapter_eval_loss: float
    merged_eval_loss: float


def observe(
    params: Params, model: Model, samples: Sequence[PreparedSample], adapter: Path | None = None
) -> Observation:
    """Run a model over `samples` in their order, in training's evaluation batches.

    The loss is the mean over batches, weighted by batch size, of the mean over answer tokens:
    transformers' Trainer.evaluate. Logits are kept for the first prompts with and without image.
    """
    import torch  # noqa: PLC0415

    network, template = load_model(params, model, adapter)
    template.set_mode("train")
    kept = set(_prompts(samples))
    size, total = params.per_device_eval_batch_size, 0.0
    logits: dict[int, Tensor] = {}
    with torch.inference_mode():
        for start in range(0, len(samples), size):
            batch = samples[start : start + size]
            scores, labels = _forward(network, template, batch)
            total += len(batch) * float(
                torch.nn.functional.cross_entropy(
                    scores.flatten(0, 1), labels.flatten(), ignore_index=-100
                )
            )
            for row in range(len(batch)):
                if start + row in kept:
                    logits[start + row] = scores[row][labels[row] != -100].cpu()
    del network
    gc.collect()
    torch.cuda.empty_cache()
    return Observation(total / len(samples), [logits[index] for index in sorted(logits)])


def compare(adapter: Observation, merged: Observation) -> Proof:
    """Hold the merged model's observation against that of the adapter on its base."""
    pairs = list(zip(adapter.logits, merged.logits, strict=True))
    agreeing = sum(int((a.argmax(-1) == b.argmax(-1)).sum()) for a, b in pairs)
    positions = sum(len(a) for a, _ in pairs)
    return Proof(
        prompts=len(pairs),
        positions=positions,
        largest_logit_difference=max(float((a - b).abs().max()) for a, b in pairs),
        top1_agreement=agreeing / positions,
        adapter_eval_loss=adapter.eval_loss,
        merged_eval_loss=merged.eval_loss,
    )


def check(proof: Proof, trained_eval_loss: float, tolerance: Tolerance) -> None:
    """Raise StageError naming the figure that is beyond its tolerance.

    `trained_eval_loss` is that of the published checkpoint, measured in memory during training.
    """
    losses = (trained_eval_loss, proof.adapter_eval_loss, proof.merged_eval_loss)
    trouble = []
    # Not-a-number fails every comparison below, so each is written as what must hold.
    if not all(abs(a - b) <= tolerance.eval_loss for a, b in combinations(losses, 2)):
        trouble.append(
            f"eval_loss is {losses[0]:.6g} as trained, {losses[1]:.6g} with the adapter on its "
            f"base, {losses[2]:.6g} merged (tolerance {tolerance.eval_loss})"
        )
    if not proof.largest_logit_difference <= tolerance.logit:
        trouble.append(
            f"a logit differs by {proof.largest_logit_difference:.3g} (tolerance {tolerance.logit})"
        )
    if not proof.top1_agreement >= tolerance.top1_agreement:
        trouble.append(
            f"{proof.top1_agreement:.2%} of top tokens agree "
            f"(at least {tolerance.top1_agreement:.1%})"
        )
    if trouble:
        raise StageError(
            "the merged model is not its base with the adapter: "
            + "; ".join(trouble)
            + "; train again, and report it if it stays so"
        )


def _prompts(samples: Sequence[PreparedSample]) -> list[int]:
    with_image = [i for i, sample in enumerate(samples) if sample["images"]]
    without = [i for i, sample in enumerate(samples) if not sample["images"]]
    return with_image[:_PROMPTS] + without[:_PROMPTS]


def _forward(
    network: Any, template: Any, batch: Sequence[PreparedSample]
) -> "tuple[Tensor, Tensor]":
    """Float32 logits (batch, length - 1, vocabulary) and the labels they predict."""
    from swift.utils import to_device  # noqa: PLC0415

    rows = [template.encode({"messages": s["messages"], "images": s["images"]}) for s in batch]
    inputs = to_device(template.data_collator(rows), network.device)
    _, inputs = template.pre_forward_hook(network, None, inputs)
    labels = inputs.pop("labels")[:, 1:]
    return network(**inputs).logits[:, :-1].float(), labels
