"""Pretraining the tiny base model on a CPU: batches by length, Muon and AdamW, resumable.

A run is a pure function of the corpus, `Recipe` and the machine: batch k is drawn from the seed
and k alone, so a killed run resumes from its last checkpoint as if it had not been.
"""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import Qwen3VLForConditionalGeneration

from tools.tiny.architecture import MERGE, PATCH
from tools.tiny.forward import GRID, make_loss

SHIFT = 2  # pixels a picture is moved at most, so that none is learnt by heart


@dataclass(frozen=True)
class Recipe:
    """`matrix_rate`: Muon, for the matrices of the blocks; `other_rate`: AdamW, for the rest.

    The rate rises for `warmup` steps, stays, and falls linearly to zero in the last `decay` steps.
    A batch holds about `tokens` tokens.
    """

    steps: int = 1600
    warmup: int = 40
    decay: int = 700
    seed: int = 2026
    tokens: int = 6144
    matrix_rate: float = 0.02
    other_rate: float = 3e-3
    weight_decay: float = 0.05
    lengths: tuple[int, ...] = (52, 80, 128, 256)


class Corpus:
    """corpus.npz and pictures.npy of a directory, cut into batches."""

    def __init__(self, directory: Path, recipe: Recipe, pad: int, image: int) -> None:
        stored = np.load(directory / "corpus.npz")
        self.ids, self.offsets = stored["ids"].astype(np.int64), stored["offsets"]
        self.parts, self.part_names = stored["parts"], [str(name) for name in stored["part_names"]]
        self.images, self.answers = stored["images"], stored["answers"]
        self.pictures = np.load(directory / "pictures.npy", mmap_mode="r")
        self.recipe, self.pad, self.image = recipe, pad, image
        self._plans: dict[int, list[tuple[int, np.ndarray]]] = {}

    def plan(self, epoch: int) -> list[tuple[int, np.ndarray]]:
        """(padded length, documents) of each batch of an epoch, shuffled."""
        if epoch not in self._plans:
            rng = np.random.default_rng([self.recipe.seed, epoch])
            sizes = np.diff(self.offsets)
            batches: list[tuple[int, np.ndarray]] = []
            for figures in (False, True):
                shorter = 0
                for length in self.recipe.lengths:
                    # One more than `length`: inputs and targets are shifted by one.
                    fits = (sizes > shorter) & (sizes <= length + 1)
                    members = rng.permutation(
                        np.flatnonzero(fits & ((self.images >= 0) == figures))
                    )
                    rows = self.recipe.tokens // length
                    whole = members[: len(members) // rows * rows].reshape(-1, rows)
                    batches.extend((length, row) for row in whole)
                    shorter = length + 1
            self._plans = {epoch: [batches[index] for index in rng.permutation(len(batches))]}
        return self._plans[epoch]

    def batch(self, step: int) -> tuple[int, np.ndarray]:
        """The batch of a step: epochs follow one another."""
        epoch = 0
        while step >= len(self.plan(epoch)):
            step -= len(self.plan(epoch))
            epoch += 1
        return self.plan(epoch)[step]

    def tensors(
        self, length: int, members: np.ndarray, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """ids and targets (rows, length), and normalised patches or None.

        Only answers are targets: what a question asks for cannot be predicted, and its noise would
        drown the few tokens of an answer that teach reading and copying.
        """
        ids = np.full((len(members), length), self.pad, np.int64)
        targets = np.full((len(members), length), -100, np.int64)
        for row, member in enumerate(members):
            tokens = self.ids[self.offsets[member] : self.offsets[member + 1]]
            ids[row, : len(tokens) - 1] = tokens[:-1]
            answer = self.answers[member]
            targets[row, answer - 1 : len(tokens) - 1] = tokens[answer:]
        if self.images[members[0]] < 0:
            return torch.from_numpy(ids), torch.from_numpy(targets), None
        shown = [shifted(self.pictures[self.images[member]], rng) for member in members]
        return torch.from_numpy(ids), torch.from_numpy(targets), patches(np.stack(shown))


def shifted(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`picture` moved by up to SHIFT pixels each way over white."""
    height, width, _ = picture.shape
    top, left = rng.integers(0, 2 * SHIFT + 1, 2)
    padded = np.pad(picture, ((SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), constant_values=255)
    return padded[top : top + height, left : left + width]


def patches(pictures: np.ndarray) -> Tensor:
    """uint8 (n, height, width, 3) → (n, patches, 3 * PATCH * PATCH) in -1..1, in merge order."""
    rows, columns = GRID[0] // MERGE, GRID[1] // MERGE
    cut = torch.from_numpy(pictures).view(-1, rows, MERGE, PATCH, columns, MERGE, PATCH, 3)
    cut = cut.permute(0, 1, 4, 2, 5, 7, 3, 6).flatten(5).flatten(1, 4)
    return cut.float().div_(127.5).sub_(1.0)


def rotary(
    model: Qwen3VLForConditionalGeneration, ids: Tensor, slots: Tensor | None
) -> tuple[Tensor, Tensor]:
    """cos and sin (rows or 1, 1, length, head_dim); an image's tokens share a time position."""
    language = model.model.language_model
    if slots is None:
        positions = torch.arange(ids.shape[1]).expand(3, 1, -1)
    else:
        positions, _ = model.model.get_rope_index(
            ids,
            mm_token_type_ids=(slots >= 0).int(),
            image_grid_thw=torch.tensor([[1, *GRID]] * len(ids)),
        )
    cos, sin = language.rotary_emb(torch.zeros(1), positions)
    return cos[:, None], sin[:, None]


def optimizers(
    model: Qwen3VLForConditionalGeneration, recipe: Recipe
) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' and mergers' matrices, AdamW for embeddings, norms and biases."""
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in model.named_parameters():
        inner = parameter.ndim == 2 and "embed" not in name
        (matrices if inner else others).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(
            others, lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        ),
    ]


def rate_factor(step: int, recipe: Recipe) -> float:
    """Share of the peak rate at `step`."""
    return min((step + 1) / recipe.warmup, 1.0, (recipe.steps - step) / recipe.decay)


def pretrain(
    model: Qwen3VLForConditionalGeneration, corpus: Corpus, recipe: Recipe, work: Path
) -> Iterator[int]:
    """Train `model` in place, yielding the number of steps done at every checkpoint.

    Writes `work`/checkpoint.pt and appends to `work`/pretrain.log (a JSON object every 20 steps:
    loss of each mixture part, tokens seen), and resumes from them. Raises RuntimeError if the loss
    is not finite.
    """
    torch.manual_seed(recipe.seed)
    steppers = optimizers(model, recipe)
    peaks = [[group["lr"] for group in stepper.param_groups] for stepper in steppers]
    checkpoint, log = work / "checkpoint.pt", work / "pretrain.log"
    start = tokens = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        for stepper, saved in zip(steppers, state["optimizers"], strict=True):
            stepper.load_state_dict(saved)
        start, tokens = state["step"], state["tokens"]
    # One compilation a shape and part; the default limit is lower.
    torch._dynamo.config.recompile_limit = 32
    loss_of = make_loss(model, torch.bfloat16, compiled=True)
    sums = np.zeros((len(corpus.part_names), 2))
    began, tokens_before = time.monotonic(), tokens
    for step in range(start, recipe.steps):
        length, members = corpus.batch(step)
        rng = np.random.default_rng([recipe.seed, 1, step])
        ids, targets, pixels = corpus.tensors(length, members, rng)
        slots = None
        if pixels is not None:
            image = ids == corpus.image
            slots = torch.where(image, (image.flatten().cumsum(0) - 1).view_as(ids), -1)
        cos, sin = rotary(model, ids, slots)
        losses = loss_of(ids, targets, cos, sin, pixels, slots)
        loss = losses.sum() / (targets >= 0).sum()
        if not math.isfinite(loss.item()):
            raise RuntimeError(f"step {step}: loss is {loss.item()}")
        loss.backward()  # type: ignore[no-untyped-call]
        for stepper, rates in zip(steppers, peaks, strict=True):
            for group, rate in zip(stepper.param_groups, rates, strict=True):
                group["lr"] = rate * rate_factor(step, recipe)
            stepper.step()
            stepper.zero_grad()
        tokens += int((targets >= 0).sum())
        np.add.at(sums[:, 0], corpus.parts[members], losses.detach().sum(1).numpy())
        np.add.at(sums[:, 1], corpus.parts[members], (targets >= 0).sum(1).numpy())
        if (step + 1) % 20 == 0:
            seconds = time.monotonic() - began
            _log(log, step + 1, tokens, (tokens - tokens_before) / seconds, sums, corpus.part_names)
            sums[:] = 0
        if (step + 1) % 200 == 0 or step + 1 == recipe.steps:
            state = {
                "model": model.state_dict(),
                "optimizers": [stepper.state_dict() for stepper in steppers],
                "step": step + 1,
                "tokens": tokens,
            }
            torch.save(state, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
            yield step + 1


def _log(
    path: Path, step: int, tokens: int, speed: float, sums: np.ndarray, names: list[str]
) -> None:
    parts = {
        name: round(total / count, 4)
        for name, (total, count) in sorted(zip(names, sums, strict=True))
        if count
    }
    line = {"step": step, "tokens": tokens, "tokens_per_second": round(speed), "loss": parts}
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
