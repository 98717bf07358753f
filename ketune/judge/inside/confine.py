"""Kernel confinement of one task: its namespaces, mounts, limits, capabilities, system calls."""

import ctypes
import functools
import itertools
import os
import resource
import struct
from pathlib import Path

from ketune.judge.inside.filters import refuse_system_calls

_LIBC = ctypes.CDLL(None, use_errno=True)

_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
_CLONE_NEWPID, _CLONE_NEWNET = 0x20000000, 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_REC, _MS_PRIVATE = 0x20, 0x4000, 0x40000
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
# The system calls that make a mount which is nowhere yet; libc has no functions for them.
_MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT = 429, 430, 431, 432
_FSCONFIG_SET_STRING, _FSCONFIG_CMD_CREATE, _CLOEXEC = 1, 6, 1
_MOUNT_ATTRIBUTES = 0x2 | 0x4 | 0x8  # no set-uid programs, no devices, nothing to execute
_MOVE_MOUNT_F_EMPTY_PATH, _AT_FDCWD = 4, -100

_MADV_HUGEPAGE, _MADV_COLLAPSE = 14, 25

MEBIBYTE = 1 << 20
_HUGE_PAGE = 2 * MEBIBYTE
# Written files live in memory (tmpfs), so they are bounded like it.
_SCRATCH_MB = 64
SCRATCH = 250  # the test's process has the program's scratch open by this number
# All that a task sees of /proc, as it was when the judge started.
_PROC_FILES = ("cpuinfo", "meminfo", "stat")


def _call(name: str, *arguments: object) -> None:
    """Call a libc function that returns -1 and sets errno on failure. Raises OSError then."""
    if getattr(_LIBC, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _system_call(number: int, *arguments: object) -> int:
    """Raises OSError."""
    result: int = _LIBC.syscall(number, *arguments)
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"system call {number}: {os.strerror(error)}")
    return result


def use_huge_pages() -> None:
    """Move this process's memory into pages of 2 MiB, as far as the kernel will.

    A fork copies an entry a page, so with 4 KiB pages it takes three times as long. See madvise(2),
    MADV_COLLAPSE (Linux 6.1); a kernel without it leaves things as they are.
    """
    with open("/proc/self/maps", encoding="ascii") as file:  # noqa: PTH123
        mappings = [line.split() for line in file]
    for span, rights, _, _, _, *name in mappings:
        if rights == "rw-p" and (not name or name[0] == "[heap]"):
            low, high = (int(bound, 16) for bound in span.split("-"))
            low, high = -(-low // _HUGE_PAGE) * _HUGE_PAGE, high // _HUGE_PAGE * _HUGE_PAGE
            if high > low:
                for advice in (_MADV_HUGEPAGE, _MADV_COLLAPSE):
                    _LIBC.madvise(ctypes.c_void_p(low), ctypes.c_size_t(high - low), advice)


def cover_mounts() -> int:
    """Give this process mounts of its own, without the judge's source and with three plain files
    for /proc: its own /proc is the descriptor returned.

    So no task sees host paths (mountinfo), the kernel's settings and tables, or a process's memory
    and descriptors as files.
    """
    files = {name: Path("/proc", name).read_bytes() for name in _PROC_FILES}
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    _call("unshare", _CLONE_NEWNS)
    _call("mount", None, b"/", None, _MS_REC | _MS_PRIVATE, None)
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    for path in (b"/judge", b"/proc"):
        _call("mount", b"tmpfs", path, b"tmpfs", flags, b"size=1m,mode=0755")
    for name, content in files.items():
        Path("/proc", name).write_bytes(content)
    for path in (b"/judge", b"/proc"):
        _call("mount", None, path, None, _MS_REMOUNT | _MS_RDONLY | flags, None)
    return proc


def make_scratch() -> int:
    """Descriptor of an empty directory in memory that is mounted nowhere."""
    filesystem = _system_call(_FSOPEN, b"tmpfs", _CLOEXEC)
    try:
        for key, value in _scratch_options().items():
            _system_call(
                _FSCONFIG, filesystem, _FSCONFIG_SET_STRING, key.encode(), value.encode(), 0
            )
        _system_call(_FSCONFIG, filesystem, _FSCONFIG_CMD_CREATE, None, None, 0)
        return _system_call(_FSMOUNT, filesystem, _CLOEXEC, _MOUNT_ATTRIBUTES)
    finally:
        os.close(filesystem)


def new_process_namespace(proc: int) -> None:
    """Make the next child of this process, whose /proc is `proc`, process 1 of its own namespace.

    When that child ends the kernel kills every process left in its namespace, so nothing that a
    task starts, in whatever session or however orphaned, outlives it.
    """
    # A process whose children go elsewhere already must come back before it sends the next away.
    own = os.open("self/ns/pid", os.O_RDONLY, dir_fd=proc)
    _call("setns", own, _CLONE_NEWPID)
    os.close(own)
    _call("unshare", _CLONE_NEWPID)


def new_namespaces(scratch: int, *, own: bool) -> None:
    """Give this process, which is process 1 of its namespace, its own network, IPC and mounts.

    /tmp becomes `scratch`, which this process closes; unless it is another's (not `own`): then an
    empty one, and `scratch` stays open as `SCRATCH`. /dev/shm, the home, is empty.
    """
    _call("unshare", _CLONE_NEWNS | _CLONE_NEWIPC | _CLONE_NEWUTS | _CLONE_NEWNET)
    if own:
        _system_call(_MOVE_MOUNT, scratch, b"", _AT_FDCWD, b"/tmp", _MOVE_MOUNT_F_EMPTY_PATH)
    else:
        _mount_memory(b"/tmp")
        os.dup2(scratch, SCRATCH)
    os.close(scratch)
    _mount_memory(b"/dev/shm")


def _mount_memory(path: bytes) -> None:
    options = ",".join(f"{key}={value}" for key, value in _scratch_options().items())
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _call("mount", b"tmpfs", path, b"tmpfs", flags, options.encode())


def _scratch_options() -> dict[str, str]:
    return {"size": f"{_SCRATCH_MB}m", "nr_inodes": "4096", "mode": "0700"}


def limit(memory_mb: int, proc: int, descriptors: tuple[int, ...]) -> None:
    """Bound this process and its children; close all but 0, 1, 2 and `descriptors`.

    `memory_mb` (MiB) is what the program may map beyond what the preloaded packages already do;
    `proc` is this process's /proc. A machine out of memory ends tasks before anything else.
    """
    there = functools.partial(os.open, dir_fd=proc)
    with open("self/statm", encoding="ascii", opener=there) as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    with open("self/oom_score_adj", "w", encoding="ascii", opener=there) as file:
        file.write("1000")
    _close_all_but({0, 1, 2, *descriptors})
    bounds = {
        resource.RLIMIT_AS: mapped + memory_mb * MEBIBYTE,
        resource.RLIMIT_FSIZE: _SCRATCH_MB * MEBIBYTE,
        resource.RLIMIT_NOFILE: 256,
        # With 0 a crash would still start a handler that the machine pipes core files to; core(5).
        resource.RLIMIT_CORE: 1,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        # A backstop: the kernel exempts root, so the supervisor counts processes itself.
        resource.RLIMIT_NPROC: 4096,
    }
    for name, bound in bounds.items():
        _, hard = resource.getrlimit(name)
        value = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(name, (value, value))


def _close_all_but(kept: set[int]) -> None:
    bounds = [-1, *sorted(kept), resource.getrlimit(resource.RLIMIT_NOFILE)[0]]
    for low, high in itertools.pairwise(bounds):
        # CPython's closerange(0, 0) closes everything.
        if high > low + 1:
            os.closerange(low + 1, high)


def drop_privileges(*, may_execute: bool) -> None:
    """Give up every capability and the system calls that no program needs (`filters`), for good."""
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    # _LINUX_CAPABILITY_VERSION_3 for this process; then effective, permitted, inheritable twice.
    _call("capset", struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", *[0] * 6))
    refuse_system_calls(may_execute=may_execute)
