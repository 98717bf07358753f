"""A control group for each task (cgroups, version 2), where the machine lets the judge make them.

Then the kernel itself holds a task to its memory, of every kind, and ends the task whole. Without
them `usage` counts. See Documentation/admin-guide/cgroup-v2.rst.
"""

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

_DIRECTORY = Path("/groups")  # `ketune.judge.isolation` has it there or not
_OVERHEAD_MB = 64  # the kernel's own memory for both processes, as their page tables
_MAX_TASKS = 512  # threads and processes; fewer are a task's right, see `supervisor`
_NUMBERS = itertools.count()


@contextlib.contextmanager
def new_group(memory_mb: int) -> Iterator[int]:
    """A descriptor to which a process writes "0" to enter the group of a task, which may have
    `memory_mb` (MiB). Where there are no groups, writing has no effect. The group must be empty
    again at the end. Raises OSError."""
    if not _DIRECTORY.is_dir():
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            yield null
        finally:
            os.close(null)
        return
    group = _DIRECTORY / str(next(_NUMBERS))
    group.mkdir()
    try:
        (group / "memory.max").write_text(f"{memory_mb + _OVERHEAD_MB}M")
        (group / "memory.oom.group").write_text("1")
        (group / "pids.max").write_text(str(_MAX_TASKS))
        with contextlib.suppress(FileNotFoundError):  # a kernel without swap
            (group / "memory.swap.max").write_text("0")
        members = os.open(group / "cgroup.procs", os.O_WRONLY)
        try:
            yield members
        finally:
            os.close(members)
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    end = time.monotonic() + 2
    while True:
        try:
            group.rmdir()
        except OSError:  # the last process is gone but not yet forgotten
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return
