"""The matrix-product rate that a device reaches, as the denominator of MFU."""

import json
import time
from contextlib import suppress
from pathlib import Path

import torch

from ketune.runtime import write_json

_SECONDS = {"cuda": 1.0, "cpu": 0.2}
_WIDTH = {"cuda": 8192, "cpu": 768}


def measured_peak(device: torch.device, dtype: torch.dtype, cache: Path) -> float:
    """FLOP/s of square matrix products of `dtype` on `device`, with the threads torch has now.

    The best of all measurements on this machine, kept in `cache`/peaks.json: another program beside
    one of them lowers it, and nothing raises it.
    """
    file, name = cache / "peaks.json", _name(device, dtype)
    known: dict[str, float] = {}
    with suppress(FileNotFoundError, json.JSONDecodeError):  # half a file is measured anew
        known = json.loads(file.read_text(encoding="utf-8"))
    rate = _measure(device, dtype)
    if device.type == "cuda":  # the run's own peak of memory is reported, not this one
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    if rate > known.get(name, 0.0):
        write_json(file, known | {name: rate})
    return max(rate, known.get(name, 0.0))


def _measure(device: torch.device, dtype: torch.dtype) -> float:
    width, seconds = _WIDTH[device.type], _SECONDS[device.type]
    generator = torch.Generator(device).manual_seed(0)  # training's own random state stays as it is
    shape = (2, width, width)
    a, b = torch.randn(shape, generator=generator, device=device, dtype=torch.float32).to(dtype)
    best, end = float("inf"), time.monotonic() + seconds
    torch.mm(a, b)
    while time.monotonic() < end:
        _wait(device)
        start = time.perf_counter()
        torch.mm(a, b)
        _wait(device)
        best = min(best, time.perf_counter() - start)
    return 2.0 * width**3 / best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _name(device: torch.device, dtype: torch.dtype) -> str:
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, {dtype}"
    return f"cpu, {torch.get_num_threads()} threads, {dtype}"
