"""The matrix-product rate that a device reaches, as the denominator of MFU."""

import json
import time
from contextlib import suppress
from pathlib import Path

import torch

from ketune.runtime import write_json


def measured_peak(device: torch.device, dtype: torch.dtype, cache: Path) -> float:
    """FLOP/s of square matrix products of `dtype` on `device`, with the threads torch has now.

    The best of all measurements on this machine, kept in `cache`/peaks.json: another program beside
    one of them lowers it, and nothing raises it.
    """
    on_cuda = device.type == "cuda"
    kind = (
        torch.cuda.get_device_name(device) if on_cuda else f"cpu, {torch.get_num_threads()} threads"
    )
    file, name = cache / "peaks.json", f"{kind}, {dtype}"
    known: dict[str, float] = {}
    with suppress(FileNotFoundError, json.JSONDecodeError):  # half a file is measured anew
        known = json.loads(file.read_text(encoding="utf-8"))
    rate = _measure(device, dtype, *((8192, 1.0) if on_cuda else (768, 0.2)))
    if on_cuda:  # the run's own peak of memory is reported, not this one
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    if rate > known.get(name, 0.0):
        write_json(file, known | {name: rate})
    return max(rate, known.get(name, 0.0))


def _measure(device: torch.device, dtype: torch.dtype, width: int, seconds: float) -> float:
    """FLOP/s of the fastest product of (width, width) matrices in so many seconds, or of one."""
    generator = torch.Generator(device).manual_seed(0)  # training's own random state stays as it is
    a, b = torch.randn((2, width, width), generator=generator, device=device).to(dtype)
    torch.mm(a, b)
    best, end = float("inf"), time.monotonic() + seconds
    while best == float("inf") or time.monotonic() < end:
        _wait(device)
        start = time.perf_counter()
        torch.mm(a, b)
        _wait(device)
        best = min(best, time.perf_counter() - start)
    return 2.0 * width**3 / best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
