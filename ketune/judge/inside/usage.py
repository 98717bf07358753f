"""What a task takes of the machine, as /proc tells it from outside of the task's namespaces.

Counted of both processes and all that they started: memory of their own, swapped out or not, page
tables, files in memory, and buffers of sockets by their number. What has no owner in /proc, as
shared anonymous memory, no task can have (`filters`).
"""

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MAX_AGE = 0.02  # seconds for which a list of the machine's processes serves
_KIBIBYTE = 1024
# Bytes that a socket holds of what was sent at most: its queue, which no program can enlarge, and
# the last message.
_SOCKET = 2 * 212_992
_MOUNTS = ("tmp", "dev/shm")
_PARTS = re.compile(rb"^(Pss_Anon|SwapPss):\s+(\d+) kB", re.MULTILINE)
_STATUS = re.compile(rb"^(RssAnon|VmSwap|VmPTE):\s+(\d+) kB", re.MULTILINE)
_SOCKETS = re.compile(rb"sockets: used (\d+)")


@dataclass(frozen=True)
class Usage:
    """Processes and threads of a task, and bytes of memory."""

    processes: int
    threads: int
    memory: int


class Watch:
    """Looks at tasks. Safe for threads."""

    def __init__(self, template: int) -> None:
        """`template` is the process whose memory all tasks share at first."""
        self.template = template
        self.lock = threading.Lock()
        self.seen = 0.0
        self.processes: dict[int, tuple[int, int]] = {}

    def look(self, roots: Sequence[int]) -> Usage:
        """What the trees of the processes `roots`, of one namespace each, take together."""
        processes = self._list()
        members = _descendants(roots, processes)
        threads = sum(processes[member][1] for member in members)
        return Usage(len(members), threads, self._memory(members, roots))

    def _list(self) -> dict[int, tuple[int, int]]:
        """Parent and number of threads of every process."""
        with self.lock:
            if time.monotonic() - self.seen > _MAX_AGE:
                found = {int(n): _stat(n) for n in os.listdir("/proc") if n.isdecimal()}  # noqa: PTH208
                self.processes = {number: stat for number, stat in found.items() if stat}
                self.seen = time.monotonic()
            return self.processes

    def _memory(self, members: set[int], roots: Sequence[int]) -> int:
        total = sum(_anonymous(member)[1] for member in members)
        total += sum(_files(root) + _sockets(root) for root in roots)
        # A page that n processes map counts an nth in each. Of what the template holds, each member
        # that has let go of none of it counts as much as the template does; all other processes
        # together count what the template does not.
        held, own_part = _anonymous(self.template)
        return max(0, total - min(len(members) * own_part, held - own_part))


def _descendants(roots: Iterable[int], processes: dict[int, tuple[int, int]]) -> set[int]:
    children: dict[int, list[int]] = {}
    for number, (parent, _) in processes.items():
        children.setdefault(parent, []).append(number)
    members: set[int] = set()
    found = [root for root in roots if root in processes]
    while found:
        members.add(number := found.pop())
        found += children.get(number, ())
    return members


def _stat(name: str) -> tuple[int, int] | None:
    """Parent and number of threads of a process, None if it is gone."""
    fields = _read(f"/proc/{name}/stat").rpartition(b")")[2].split()
    return (int(fields[1]), int(fields[17])) if fields else None


def _anonymous(process: int) -> tuple[int, int]:
    """Bytes of anonymous memory and page tables of a process, and its part of them where others
    map them too."""
    status = {key: int(value) for key, value in _STATUS.findall(_read(f"/proc/{process}/status"))}
    if not status:
        return 0, 0
    whole = status[b"RssAnon"] + status[b"VmSwap"]
    try:
        parts = dict(_PARTS.findall(_read(f"/proc/{process}/smaps_rollup")))
    except PermissionError:  # it runs a program that may be run but not read
        part = whole
    else:
        part = sum(map(int, parts.values()))
    return whole * _KIBIBYTE, (part + status[b"VmPTE"]) * _KIBIBYTE


def _files(root: int) -> int:
    """Bytes in the files of a task's process."""
    used = 0
    for mount in _MOUNTS:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            told = os.statvfs(f"/proc/{root}/root/{mount}")
            used += (told.f_blocks - told.f_bfree) * told.f_frsize
    return used


def _sockets(root: int) -> int:
    """Bytes that the sockets in a process's network namespace may take."""
    found = _SOCKETS.search(_read(f"/proc/{root}/net/sockstat"))
    return int(found[1]) * _SOCKET if found else 0


def _read(path: str) -> bytes:
    """Content of a file of /proc, nothing if its process is gone."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return b""
