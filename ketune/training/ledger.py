"""What a training run computed and how fast: FLOPs, their share of evaluation, MFU.

MFU is the model FLOPs of training a second over the rate that matrix products were measured to
reach on the same devices (Chowdhery et al. 2022, arXiv:2204.02311, section 4.1, with a measured
peak in the place of the data sheet's); HFU is the same with everything that was computed.
"""

from collections.abc import Mapping
from typing import Any

from ketune.params import Params
from ketune.training.counts import Counts
from ketune.training.flops import Training, count_passes, padded, read_architecture
from ketune.training.logs import History
from ketune.training.processes import global_batch, processes

_TERA = 1e12


def ledger(
    params: Params, config: Mapping[str, Any], counts: Counts, history: History
) -> dict[str, Any]:
    """Section `compute` of metrics/train.json. FLOPs in units of 10¹², rates in 10¹² a second.

    Rates leave the time of evaluations out. Only the counts are there for a model whose FLOPs are
    not known. DoRA's own products are not model FLOPs: its MFU tells what it costs.
    """
    section: dict[str, Any] = {
        "global_batch": global_batch(params),
        "processes": processes(params),
        "padding_free": params.padding_free,
        "eval_interval": params.eval_steps if params.eval_strategy == "steps" else None,
        "tokens_per_row": round(counts.train.tokens / counts.train.rows, 1),
        "padding_share": _significant(1 - counts.train.tokens / counts.train.padded_tokens),
    }
    architecture = read_architecture(config)
    if architecture is None:
        return section
    training = Training(history.observed.parts, recompute=params.gradient_checkpointing)
    plain = Training(history.observed.parts, recompute=False)
    model = count_passes(architecture, plain, counts.train, counts.evaluation)
    done = count_passes(architecture, training, padded(counts.train), padded(counts.evaluation))
    seconds = max(history.runtime - history.eval_runtime, 1e-9)
    peak = counts.peak * processes(params)
    return section | {
        "model_tflop": {
            "forward": _significant(model.forward / _TERA),
            "backward": _significant(model.backward / _TERA),
            "evaluation": _significant(model.evaluation / _TERA),
        },
        "hardware_tflop": {
            "training": _significant(done.training / _TERA),
            "recompute": _significant(done.recompute / _TERA),
            "evaluation": _significant(done.evaluation / _TERA),
        },
        "evaluation_share": _significant(done.evaluation_share),
        "achieved_tflops": _significant(model.training / seconds / _TERA),
        "measured_peak_tflops": _significant(peak / _TERA),
        "mfu": _significant(model.training / seconds / peak),
        "hfu": _significant(done.training / seconds / peak),
    }


def _significant(value: float) -> float:
    return float(f"{value:.5g}")
