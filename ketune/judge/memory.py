"""The machine's memory: a program starts only where there is enough of it."""

import sys
import time
from pathlib import Path

from .verdict import JudgeUnavailable

_PART = 8  # of the machine's memory that is always enough to start a program
_LOOK, _SAY, _GIVE_UP = 0.5, 15.0, 900.0  # seconds


def missing_mb(memory_mb: int) -> int:
    """MiB that must become free before a program that may use `memory_mb` starts; 0 if none."""
    total, available = _meminfo()
    return max(0, min(memory_mb, total // _PART) - available)


def wait(memory_mb: int) -> None:
    """Return once there is enough memory; say on standard error what is waited for.

    Raises JudgeUnavailable after a quarter of an hour.
    """
    start = said = time.monotonic()
    said -= _SAY
    while missing := missing_mb(memory_mb):
        now = time.monotonic()
        if now - start > _GIVE_UP:
            raise JudgeUnavailable(
                f"the machine has been {missing} MiB short of memory for "
                f"{_GIVE_UP / 60:.0f} min: end other programs or lower evaluation.memory_mb"
            )
        if now - said >= _SAY:
            said = now
            line = f"the judge waits for {missing} MiB of memory before it starts a program"
            print(line, file=sys.stderr, flush=True)
        time.sleep(_LOOK)


def _meminfo() -> tuple[int, int]:
    """MiB that the machine has, and that programs can still get without swapping; proc(5)."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    sizes = {
        name: int(rest.split()[0]) // 1024 for name, _, rest in (x.partition(":") for x in lines)
    }
    return sizes["MemTotal"], sizes["MemAvailable"]
