"""Section `compute` of models/adapter.record.json: what a training run computed, and how fast.

MFU is the model FLOPs of training a second over the rate that matrix products were measured to
reach on the same devices (Chowdhery et al. 2022, arXiv:2204.02311, section 4.1, with a measured
peak in the place of the data sheet's). Model FLOPs are what the mathematics needs; hardware FLOPs,
and with them HFU, also count the second forward pass of gradient checkpointing, and padding
(Narayanan et al. 2021, arXiv:2104.04473, section 5.1).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ketune.params import Params
from ketune.training.flops import Work, count_flops, read_architecture
from ketune.training.logs import History
from ketune.training.processes import global_batch, processes

_TERA = 1e12


# What each process counts. Padded: every row is as long as its batch's longest, `scored` are the
# positions that logits were made for, and rows that were evaluated again count.
KINDS = ("train", "train_padded", "evaluation", "evaluation_padded")


def work_file(directory: Path, rank: int) -> Path:
    """Where process `rank` writes what it counted (ketune/training/plugins/meter.py)."""
    return directory / f"work-{rank}.json"


def read_work(directory: Path, processes: int) -> tuple[dict[str, Work], float]:
    """The work of a finished run's processes together, by KINDS, and a device's peak in FLOP/s.

    Processes on a node that does not share the directory are taken to have done as much, on
    average, as those that do: they had as many rows.
    """
    files = [work_file(directory, rank) for rank in range(processes)]
    found = [json.loads(path.read_text(encoding="utf-8")) for path in files if path.is_file()]
    share = len(found) / processes
    work = {
        kind: Work(*(round(sum(one[kind][name] for one in found) / share) for name in Work._fields))
        for kind in KINDS
    }
    return work, max(one["peak"] for one in found)


def compute_metrics(
    params: Params,
    config: Mapping[str, Any],
    work: Mapping[str, Work],
    peak: float,
    history: History,
) -> dict[str, Any]:
    """Section `compute`, from what read_work found and from the model's config.json.

    FLOPs in units of 10¹², rates in 10¹² a second and without the time of evaluations. Only the
    counts are there for a model whose FLOPs are not known. DoRA's own products are not model FLOPs:
    its MFU tells what it costs.
    """
    train = work["train"]
    metrics: dict[str, Any] = {
        "global_batch": global_batch(params),
        "processes": processes(params),
        "padding_free": params.padding_free,
        "eval_interval": params.eval_steps if params.eval_strategy == "steps" else None,
        "tokens_per_row": round(train.tokens / train.rows, 1),
        "padding_share": _significant(1 - train.tokens / work["train_padded"].tokens),
    }
    architecture = read_architecture(config)
    if architecture is None:
        return metrics
    flops = {kind: count_flops(architecture, history.observed.parts, work[kind]) for kind in KINDS}
    model, hardware = flops["train"], flops["train_padded"]
    evaluation = flops["evaluation_padded"].forward
    recompute = hardware.recompute if params.gradient_checkpointing else 0.0
    needed = model.forward + model.backward
    done = hardware.forward + hardware.backward + recompute
    seconds = max(history.runtime - history.eval_runtime, 1e-9)
    peak *= processes(params)
    return metrics | {
        "model_tflop": {
            "forward": _significant(model.forward / _TERA),
            "backward": _significant(model.backward / _TERA),
            "evaluation": _significant(flops["evaluation"].forward / _TERA),
        },
        "hardware_tflop": {
            "training": _significant(done / _TERA),
            "recompute": _significant(recompute / _TERA),
            "evaluation": _significant(evaluation / _TERA),
        },
        "evaluation_share": _significant(evaluation / (done + evaluation)),
        "achieved_tflops": _significant(needed / seconds / _TERA),
        "measured_peak_tflops": _significant(peak / _TERA),
        "mfu": _significant(needed / seconds / peak),
        "hfu": _significant(done / seconds / peak),
    }


def _significant(value: float) -> float:
    return float(f"{value:.5g}")
