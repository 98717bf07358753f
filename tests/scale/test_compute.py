"""What models/adapter.record.json says of a run's work, from counts whose figures are known."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.architecture import QWEN3_VL_8B
from ketune.params import Params
from ketune.training.compute import KINDS, compute_metrics, read_work, work_file
from ketune.training.flops import Work
from ketune.training.logs import History, Observed
from ketune.training.peak import measured_peak
from tests.training.conftest import changed, full

__all__ = ["full"]
ROWS = 5837
PEAK = 5e14
TRAIN = Work(ROWS, ROWS * 700, ROWS * 700**2, ROWS * 300)
PADDED = Work(ROWS, ROWS * 900, ROWS * 900**2, ROWS * 300)
EVALUATED = Work(11 * 1239, 11 * 1239 * 700, 11 * 1239 * 700**2)
WORK = dict(zip(KINDS, (TRAIN, PADDED, EVALUATED, EVALUATED), strict=True))


def metrics(params: Params, config: dict[str, Any] = QWEN3_VL_8B) -> dict[str, Any]:
    return compute_metrics(params, config, WORK, PEAK, history(1400, 400))


def history(seconds: float, evaluating: float) -> History:
    adapters = {"vision_tower": 0, "aligner": 3_000_000, "llm": 87_000_000}
    return History(
        steps=[],
        best_step=183,
        last_step=183,
        epochs=1.0,
        tokens=0,
        runtime=seconds,
        eval_runtime=evaluating,
        device_memory=None,
        resumed=0,
        observed=Observed(
            scaling=11.3, parts=adapters, parameters=8_800_000_000, learning_rates={}
        ),
    )


def test_mfu_is_model_flops_over_the_peak_of_all_devices(full: Params) -> None:
    one, two = metrics(full), metrics(changed(full, nproc_per_node=2))
    # About 4 FLOPs a weight and token: forward and backward of frozen linear layers.
    tokens = ROWS * 700
    assert one["model_tflop"]["forward"] * 1e12 == pytest.approx(2 * 7.6e9 * tokens, rel=0.05)
    achieved = (one["model_tflop"]["forward"] + one["model_tflop"]["backward"]) / 1000
    assert one["achieved_tflops"] == pytest.approx(achieved, rel=1e-3)
    assert one["mfu"] == pytest.approx(achieved / 500, rel=1e-3)
    assert two["mfu"] == pytest.approx(one["mfu"] / 2, rel=1e-3)
    assert one["padding_share"] == pytest.approx(2 / 9, rel=1e-3)


def test_recomputation_and_padding_are_hardware_flops_alone(full: Params) -> None:
    recomputed, stored = metrics(full), metrics(changed(full, gradient_checkpointing=False))
    assert recomputed["model_tflop"] == stored["model_tflop"]
    assert recomputed["mfu"] == stored["mfu"]
    assert recomputed["hfu"] > 1.3 * stored["hfu"] > stored["mfu"]
    assert stored["hardware_tflop"]["recompute"] == 0
    assert stored["evaluation_share"] > recomputed["evaluation_share"]


def test_an_unknown_model_has_counts_but_no_flops(full: Params) -> None:
    section = metrics(full, {"d_model": 8})
    assert "mfu" not in section
    assert section["tokens_per_row"] == 700


def test_processes_are_added_and_absent_ones_did_as_much(tmp_path: Path) -> None:
    for rank, tokens in enumerate((10, 30)):
        counted = dict.fromkeys(KINDS, Work(tokens=tokens)._asdict())
        work_file(tmp_path, rank).write_text(json.dumps(counted | {"peak": rank * 7.0}))
    assert read_work(tmp_path, 2) == (dict.fromkeys(KINDS, Work(tokens=40)), 7.0)
    assert read_work(tmp_path, 4)[0]["train"].tokens == 80


def test_a_device_too_slow_for_a_second_product_has_a_peak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 100))
    monkeypatch.setattr("ketune.training.peak.time.monotonic", lambda: next(clock))
    assert measured_peak(torch.device("cpu"), torch.float32, tmp_path) > 0


def test_the_peak_is_the_best_ever_measured_on_the_device(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    rate = measured_peak(torch.device("cpu"), torch.float32, tmp_path)
    assert torch.equal(torch.get_rng_state(), state)  # training's random numbers stay the same
    assert 1e8 < rate < 1e14
    file = tmp_path / "peaks.json"
    ((name, kept),) = json.loads(file.read_text()).items()
    assert kept == rate
    file.write_text(json.dumps({name: 1e20}))
    assert measured_peak(torch.device("cpu"), torch.float32, tmp_path) == 1e20
    file.write_text("{")  # half a file
    assert measured_peak(torch.device("cpu"), torch.float32, tmp_path) < 1e14
