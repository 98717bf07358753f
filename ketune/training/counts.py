"""What a run's forward passes were given, as ketune/training/plugins/meter.py counts it."""

import json
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Work:
    """Sums over forward passes.

    `tokens` and `squares` are Σn and Σn² over rows of n tokens, `scored` positions with a label;
    `patches` and `patch_squares` the same over images. The padded ones are what was computed:
    every row as long as its batch's longest, and every position that logits were made for.
    """

    rows: int = 0
    tokens: int = 0
    squares: int = 0
    scored: int = 0
    patches: int = 0
    patch_squares: int = 0
    padded_tokens: int = 0
    padded_squares: int = 0
    padded_scored: int = 0


COUNTED = tuple(field.name for field in fields(Work))


@dataclass(frozen=True)
class Counts:
    """Work of all processes in training and in evaluation; `peak` is a device's, in FLOP/s."""

    train: Work
    evaluation: Work
    peak: float


def work_file(directory: Path, rank: int) -> Path:
    """Where process `rank` writes what it counted."""
    return directory / f"work-{rank}.json"


def read_counts(directory: Path, processes: int) -> Counts:
    """Counts of the finished run in `directory`.

    Processes on a node that does not share the directory are taken to have done as much, on
    average, as those that do: they had as many rows.
    """
    found = [
        json.loads(path.read_text(encoding="utf-8"))
        for rank in range(processes)
        if (path := work_file(directory, rank)).is_file()
    ]
    share = len(found) / processes
    train, evaluation = (
        Work(**{name: round(sum(one[mode][name] for one in found) / share) for name in COUNTED})
        for mode in ("train", "eval")
    )
    return Counts(train, evaluation, peak=max(one["peak"] for one in found))
