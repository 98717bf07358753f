"""Locks on GPUs, so that each worker uses its own. A lock ends with its process.

The lock files are in $KETUNE_CACHE/devices, else ~/.cache/ketune/devices. Nothing here imports
torch: the GPU must be chosen before torch initialises CUDA in this process.
"""

import fcntl
import os
import platform
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ketune.params import Params
from ketune.runtime import StageError
from ketune.scratch import cache_directory, writing_cache

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_POLL = 1.0  # seconds between two looks at busy devices


@contextmanager
def leased_devices(params: Params, count: int = 1) -> Iterator[tuple[int, ...]]:
    """Lease `count` free GPUs for the block and make them the visible ones of this process.

    Yields the descriptors of the locks, for child processes to hold as well. A run on the CPU or on
    a machine without NVIDIA GPUs leases nothing. Waits, with a notice, while too few are free.

    Raises StageError when the machine has fewer GPUs, or this process may use fewer.
    """
    devices = visible_devices() if count and not params.use_cpu else []
    if not devices:
        yield ()
        return
    if count > len(devices):
        raise StageError(
            f"{count} GPUs are asked for and {len(devices)} can be used ({', '.join(devices)}); "
            f"lower nproc_per_node, or widen {_VISIBLE}"
        )
    held = _lease(devices, count)
    before = os.environ.get(_VISIBLE)
    os.environ[_VISIBLE] = ",".join(held)
    try:
        yield tuple(held.values())
    finally:
        for descriptor in held.values():
            os.close(descriptor)
        if before is None:
            del os.environ[_VISIBLE]
        else:
            os.environ[_VISIBLE] = before


def visible_devices() -> list[str]:
    """The GPUs this process may use, as CUDA_VISIBLE_DEVICES takes them: UUIDs where known.

    An index stays one where the machine's GPUs differ: CUDA may count them in another order.
    """
    machine = _machine()
    asked = os.environ.get(_VISIBLE)
    if asked is None:
        return [uuid for uuid, _ in machine]
    alike = len({name for _, name in machine}) == 1
    devices = []
    for device in filter(None, (part.strip() for part in asked.split(","))):
        if device == "-1":  # CUDA ignores it and what follows
            break
        known = alike and device.isdecimal() and int(device) < len(machine)
        devices.append(machine[int(device)][0] if known else device)
    return devices


def _machine() -> list[tuple[str, str]]:
    """UUID and name of every GPU, in nvidia-smi's order."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=uuid,name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []  # require_device checks whether a GPU is needed
    rows = (line.partition(", ") for line in listed.splitlines())
    return [(uuid, name) for uuid, _, name in rows]


def _lease(devices: Sequence[str], count: int) -> dict[str, int]:
    # A home may be shared by machines whose device indices are the same.
    root = cache_directory() / "devices" / platform.node()
    with writing_cache():
        root.mkdir(parents=True, exist_ok=True)
    told = False
    while True:
        with writing_cache():
            held = _try(root, devices, count)
        if len(held) == count:
            print(f"GPU {', '.join(held)}", flush=True)
            return held
        for descriptor in held.values():  # two that wait must not hold what the other lacks
            os.close(descriptor)
        if not told:
            print(f"waiting for {count} of {len(devices)} GPUs: other runs use them", flush=True)
            told = True
        time.sleep(_POLL)


def _try(root: Path, devices: Sequence[str], count: int) -> dict[str, int]:
    held: dict[str, int] = {}
    for device in devices:
        if len(held) == count:
            break
        path = root / f"{device.replace('/', '_')}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            held[device] = descriptor
    return held
