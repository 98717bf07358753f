"""What a task takes of the machine, as /proc tells it from outside of the task's namespaces.

Counted of both processes and all that they started: memory of their own, swapped out or not, page
tables, files in memory, and buffers of sockets by their number. What has no owner in /proc, as
shared anonymous memory, no task can have (`filters`).
"""

import contextlib
import os
import re
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence

_MAX_AGE = 0.01  # seconds for which a list of the machine's processes serves
_CLOSE_LOOK = 0.5  # seconds between two where nothing calls for it
_MAX_STOPPED, _MOMENT = 64, 0.005  # processes, seconds
_KIBIBYTE = 1024
# Bytes that a socket holds of what was sent at most: its queue, which no program can enlarge, and
# the last message.
_SOCKET = 2 * 212_992
_MOUNTS = ("tmp", "dev/shm")
_PARTS = re.compile(rb"^(Pss_Anon|SwapPss):\s+(\d+) kB", re.MULTILINE)
_STATUS = re.compile(rb"^(RssAnon|VmSwap|VmPTE):\s+(\d+) kB", re.MULTILINE)
_SOCKETS = re.compile(rb"sockets: used (\d+)")


class Processes:
    """The machine's processes, listed once for all tasks that look at the same time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seen = 0.0
        self.found: dict[int, tuple[int, int]] = {}

    def list(self, *, afresh: bool = False) -> dict[int, tuple[int, int]]:
        """Parent and number of threads of each."""
        with self.lock:
            if afresh or time.monotonic() - self.seen > _MAX_AGE:
                found = {int(n): _stat(n) for n in os.listdir("/proc") if n.isdecimal()}  # noqa: PTH208
                self.found = {number: stat for number, stat in found.items() if stat}
                self.seen = time.monotonic()
            return self.found


class Meter:
    """Looks at one task again and again."""

    def __init__(
        self, processes: Processes, template: int, roots: Sequence[int], limit: int
    ) -> None:
        """`roots` are its processes, of one namespace each, forked from `template`. Memory is
        looked at closely where it may be more than `limit` (bytes)."""
        self.processes, self.template, self.roots, self.limit = processes, template, roots, limit
        self.counted = 0
        self.counted_whole = len(roots) * _size(template)
        self.counted_at = time.monotonic()

    def members(self) -> tuple[set[int], int]:
        """The task's processes, and how many threads they have."""
        processes = self.processes.list()
        members = _descendants(self.roots, processes)
        return members, sum(processes[member][1] for member in members)

    def memory(self, members: set[int]) -> int:
        """Bytes that the members have and the template has not, as far as it is known.

        The sum of the sizes where that is little enough, else the growth since the last close look,
        or a close look.
        """
        files = sum(_files(root) + _sockets(root) for root in self.roots)
        whole = files + sum(map(_size, members))
        if whole <= self.limit:
            return whole
        grown = self.counted + whole - self.counted_whole
        # One that lets go of what it shares with the template may grow unseen for so long.
        if grown <= self.limit and time.monotonic() - self.counted_at < _CLOSE_LOOK:
            return max(0, grown)
        self.counted_whole = whole
        self.counted = self._look_closely(files)
        if self.counted > self.limit:
            # A process about to run another program counts double, for a moment.
            time.sleep(_MOMENT)
            self.counted = self._look_closely(files)
        self.counted_at = time.monotonic()
        return self.counted

    def _look_closely(self, files: int) -> int:
        with self._stopped() as stopped:
            # More are ended for their number.
            return files + self._own(stopped) if len(stopped) <= _MAX_STOPPED else 0

    @contextlib.contextmanager
    def _stopped(self) -> Iterator[set[int]]:
        """The members, held for a close look, which takes ten milliseconds a process: else they
        would grow meanwhile, and take the processor that it needs."""
        stopped: set[int] = set()
        try:
            while len(stopped) <= _MAX_STOPPED:
                new = _descendants(self.roots, self.processes.list(afresh=True)) - stopped
                if not new:
                    break
                _signal(new, signal.SIGSTOP)
                stopped |= new
            yield stopped
        finally:
            _signal(stopped, signal.SIGCONT)

    def _own(self, members: set[int]) -> int:
        """Bytes of memory that the members have and the template has not."""
        # A page that n processes map counts an nth in each. Of what the template holds, each member
        # that has let go of none of it counts as much as the template does; all other processes
        # together count what the template does not.
        part = _part(self.template)
        shared = min(len(members) * part, _size(self.template) - part)
        return max(0, sum(map(_part, members)) - shared)


def _signal(processes: set[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)


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


def _size(process: int) -> int:
    """Bytes of anonymous memory and page tables of a process."""
    fields = _STATUS.findall(_read(f"/proc/{process}/status"))
    return sum(int(size) for _, size in fields) * _KIBIBYTE


def _part(process: int) -> int:
    """Its part of them where others map them too."""
    try:
        fields = _PARTS.findall(_read(f"/proc/{process}/smaps_rollup"))
    except PermissionError:  # it runs a program that may be run but not read
        return _size(process)
    return sum(int(size) for _, size in fields) * _KIBIBYTE


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
