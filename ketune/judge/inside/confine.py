"""Kernel confinement of one task: its namespaces, mounts, limits, capabilities, system calls."""

import ctypes
import errno
import itertools
import os
import platform
import resource
import struct

_LIBC = ctypes.CDLL(None, use_errno=True)

_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
_CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REC, _MS_PRIVATE, _MNT_DETACH = 0x4000, 0x40000, 2
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _PR_CAP_AMBIENT = 38, 22, 47
_SECCOMP_MODE_FILTER, _PR_CAP_AMBIENT_CLEAR_ALL = 2, 4

_MADV_HUGEPAGE, _MADV_COLLAPSE = 14, 25

MEBIBYTE = 1 << 20
_HUGE_PAGE = 2 * MEBIBYTE
# Written files live in memory (tmpfs), so they are bounded like it.
_SCRATCH_MB = 64

# System calls that no program under test needs and that reach kernel state shared between tasks,
# other processes, namespaces, or memory that no limit counts. Numbers: (x86_64, aarch64).
_DENIED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "fsopen": (430, 430),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "unshare": (272, 97),
    "setns": (308, 268),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "open_by_handle_at": (304, 265),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "vhangup": (153, 58),
    "syslog": (103, 116),
    "pidfd_getfd": (438, 438),
}
# The test's process starts no programs, whatever the values in it are made to do.
_EXECUTION = {"execve": (59, 221), "execveat": (322, 281)}
_CLONE = (56, 220)
_CLONE3 = (435, 435)
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def _call(name: str, *arguments: object) -> None:
    """Call a libc function that returns -1 and sets errno on failure. Raises OSError then."""
    if getattr(_LIBC, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


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


def make_mounts_private() -> None:
    """Have nothing that is mounted in copies of this process's mounts appear here."""
    _call("mount", None, b"/", None, _MS_REC | _MS_PRIVATE, None)


def mount_scratch() -> None:
    """Cover /tmp with an empty directory in memory, for the processes forked from here on."""
    _call("unshare", _CLONE_NEWNS)
    _mount_memory(b"/tmp")


def leave_scratch() -> None:
    """Uncover /tmp, for this process alone."""
    _call("unshare", _CLONE_NEWNS)
    _call("umount2", b"/tmp", _MNT_DETACH)


def new_process_namespace(own: int) -> None:
    """Make the next child of this process, whose namespace `own` is open, process 1 of its own.

    When that child ends the kernel kills every process left in its namespace, so nothing that a
    task starts, in whatever session or however orphaned, outlives it.
    """
    # A process whose children go elsewhere already must come back before it sends the next away.
    _call("setns", own, _CLONE_NEWPID)
    _call("unshare", _CLONE_NEWPID)


def new_namespaces() -> None:
    """Give this process, which is process 1 of its namespace, its own network, IPC and mounts.

    Covers /proc, /dev/shm (the home) and /judge.
    """
    _call("unshare", _CLONE_NEWNS | _CLONE_NEWIPC | _CLONE_NEWUTS | _CLONE_NEWNET)
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    # Read-only: where the judge runs as root, /proc/sys and sysrq-trigger would be writable.
    _call("mount", b"proc", b"/proc", b"proc", flags | _MS_RDONLY, None)
    _mount_memory(b"/dev/shm")
    # The judge's own source, which no task needs.
    _call("mount", b"tmpfs", b"/judge", b"tmpfs", flags | _MS_RDONLY, b"size=4k")


def _mount_memory(path: bytes) -> None:
    size = f"size={_SCRATCH_MB}m,nr_inodes=4096,mode=0700".encode()
    _call("mount", b"tmpfs", path, b"tmpfs", _MS_NOSUID | _MS_NODEV, size)


def limit(memory_mb: int, descriptors: tuple[int, ...]) -> None:
    """Bound this process and its children; close all but 0, 1, 2 and `descriptors`.

    `memory_mb` (MiB) is what the program may map beyond what the preloaded packages already do.
    """
    _close_all_but({0, 1, 2, *descriptors})
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    bounds = {
        resource.RLIMIT_AS: mapped + memory_mb * MEBIBYTE,
        resource.RLIMIT_FSIZE: _SCRATCH_MB * MEBIBYTE,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
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
    """Give up every capability for good and refuse the system calls in `_DENIED`, those that start
    other programs too unless it `may_execute`."""
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    # _LINUX_CAPABILITY_VERSION_3 for this process; then effective, permitted, inheritable twice.
    _call("capset", struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", *[0] * 6))
    _filter_system_calls(_DENIED if may_execute else _DENIED | _EXECUTION)


def _filter_system_calls(denied: dict[str, tuple[int, int]]) -> None:
    """Install a seccomp filter: the denied calls and calls of another architecture fail.

    See Documentation/userspace-api/seccomp_filter.rst; an instruction is (code, jt, jf, k).
    """
    machine = platform.machine()
    column = {"x86_64": 0, "aarch64": 1}.get(machine)
    if column is None:
        raise OSError(errno.ENOSYS, f"no system call filter for {machine}")

    def instruction(code: int, jt: int, jf: int, k: int) -> bytes:
        return struct.pack("=HBBI", code, jt, jf, k)

    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill = 0x7FFF0000, 0x80000000
    refuse, absent = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
    program = [
        instruction(load, 0, 0, 4),
        instruction(equal, 1, 0, _AUDIT_ARCH[machine]),
        instruction(give, 0, 0, kill),
        instruction(load, 0, 0, 0),
        # x32 calls carry bit 30 and would pass the numbers below by.
        instruction(at_least, 0, 1, 0x40000000),
        instruction(give, 0, 0, kill),
        # libc falls back to clone, whose flags a filter can read.
        instruction(equal, 0, 1, _CLONE3[column]),
        instruction(give, 0, 0, absent),
    ]
    for numbers in denied.values():
        program += [
            instruction(equal, 0, 1, numbers[column]),
            instruction(give, 0, 0, refuse),
        ]
    program += [
        instruction(equal, 0, 3, _CLONE[column]),
        instruction(load, 0, 0, 16),
        instruction(any_bit, 0, 1, _CLONE_NEWUSER),
        instruction(give, 0, 0, refuse),
        instruction(give, 0, 0, allow),
    ]
    code = b"".join(program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    _call("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0)
