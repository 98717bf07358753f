"""The system call filter of a confined process.

See Documentation/userspace-api/seccomp_filter.rst; an instruction is (code, jt, jf, k).
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Iterator

# No program under test needs these. Numbers: (x86_64, aarch64), None where there is no such call.
_Numbers = tuple[int | None, int | None]
_DENIED: dict[str, _Numbers] = {
    # other processes, their memory and descriptors
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # kernel subsystems with a record of attacks, or shared with the machine
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "seccomp": (317, 277),
    "personality": (135, 92),
    "modify_ldt": (154, None),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "lookup_dcookie": (212, 18),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # memory that no count of a process's memory shows
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "vmsplice": (278, 75),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mbind": (237, 235),
    "set_mempolicy": (238, 237),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # what the user's other processes share: watches, locks of files, limits
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "flock": (73, 32),
    "setrlimit": (160, 164),
}
# The test's process starts no programs, whatever the values in it are made to do.
_EXECUTION: dict[str, _Numbers] = {"execve": (59, 221), "execveat": (322, 281)}
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Calls of Linux 6.0 and later are absent to a program; libraries then do without.
_NEWEST = 450
_CLONE3 = 435  # absent too: libc falls back to clone, whose flags a filter can read
_SOCKET, _SOCKETPAIR, _MMAP, _FCNTL = (41, 198), (53, 199), (9, 222), (72, 25)
_PRLIMIT64, _PRCTL, _CLONE, _SETSOCKOPT = (302, 261), (157, 167), (56, 220), (54, 208)
# Longer queues, programs for packets, and pages lent; see asm-generic/socket.h.
_OPTIONS = [7, 8, 26, 32, 33, 50, 51, 52, 60]
_AF_UNIX, _SHARED_ANONYMOUS, _NEW_NAMESPACES = 1, 0x21, 0x7E020000
_F_SETLK, _F_SETLKW, _F_OFD_SETLK, _F_OFD_SETLKW, _F_SETLEASE, _F_NOTIFY = 6, 7, 37, 38, 1024, 1026
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_MM = 4, 22, 35

_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_BIT, _GIVE = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE, _ABSENT = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_SECCOMP_MODE_FILTER = 2

_LIBC = ctypes.CDLL(None, use_errno=True)


def refuse_system_calls(*, may_execute: bool) -> None:
    """Have the kernel refuse this process, for good, what `_DENIED` names, sockets but of this
    machine, shared anonymous memory, locks of files, new limits and namespaces; and starting other
    programs unless it `may_execute`. Raises OSError.
    """
    machine = platform.machine()
    if machine not in _AUDIT_ARCH:
        raise OSError(errno.ENOSYS, f"no system call filter for {machine}")
    denied = _DENIED if may_execute else _DENIED | _EXECUTION
    program = list(_program(_AUDIT_ARCH[machine], 0 if machine == "x86_64" else 1, denied))
    code = b"".join(program)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    if _LIBC.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, header, 0, 0) == -1:
        raise OSError(ctypes.get_errno(), "the system call filter was refused")


def _instruction(code: int, jt: int, jf: int, k: int) -> bytes:
    return struct.pack("=HBBI", code, jt, jf, k)


def _program(architecture: int, column: int, denied: dict[str, _Numbers]) -> Iterator[bytes]:
    yield _instruction(_LOAD, 0, 0, 4)
    yield _instruction(_EQUAL, 1, 0, architecture)
    yield _instruction(_GIVE, 0, 0, _KILL)
    yield _instruction(_LOAD, 0, 0, 0)
    # x32 calls carry bit 30 and would pass the numbers below by.
    yield _instruction(_AT_LEAST, 0, 1, 0x40000000)
    yield _instruction(_GIVE, 0, 0, _KILL)
    yield _instruction(_AT_LEAST, 1, 0, _NEWEST)
    yield _instruction(_EQUAL, 0, 1, _CLONE3)
    yield _instruction(_GIVE, 0, 0, _ABSENT)
    refuse = _instruction(_GIVE, 0, 0, _REFUSE)
    for numbers in denied.values():
        if (number := numbers[column]) is not None:
            yield _instruction(_EQUAL, 0, 1, number)
            yield refuse
    locks = [_F_SETLK, _F_SETLKW, _F_OFD_SETLK, _F_OFD_SETLKW, _F_SETLEASE, _F_NOTIFY]
    yield from _case(_SOCKET[column], 0, _unless(_AF_UNIX))
    yield from _case(_SOCKETPAIR[column], 0, _unless(_AF_UNIX))
    yield from _case(_SETSOCKOPT[column], 2, _if_any(_OPTIONS))
    yield from _case(_FCNTL[column], 1, _if_any(locks))
    yield from _case(_PRCTL[column], 0, _if_any([_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_MM]))
    # A null pointer asks for the limit and sets none.
    yield from _case(_PRLIMIT64[column], 2, _unless(0))
    yield from _case(_PRLIMIT64[column], 2, _unless(0), high=True)
    new_namespaces = [_instruction(_ANY_BIT, 0, 1, _NEW_NAMESPACES), refuse]
    yield from _case(_CLONE[column], 0, new_namespaces)
    masked = [_instruction(_AND, 0, 0, _SHARED_ANONYMOUS), *_if_any([_SHARED_ANONYMOUS])]
    yield from _case(_MMAP[column], 3, masked)
    yield _instruction(_GIVE, 0, 0, _ALLOW)


def _case(number: int, argument: int, judge: list[bytes], *, high: bool = False) -> Iterator[bytes]:
    """Have `judge` look at the low (or `high`) half of an argument of the call `number`."""
    yield _instruction(_EQUAL, 0, len(judge) + 2, number)
    yield _instruction(_LOAD, 0, 0, 16 + 8 * argument + 4 * high)
    yield from judge
    yield _instruction(_LOAD, 0, 0, 0)


def _unless(value: int) -> list[bytes]:
    return [_instruction(_EQUAL, 1, 0, value), _instruction(_GIVE, 0, 0, _REFUSE)]


def _if_any(values: list[int]) -> list[bytes]:
    refuse = _instruction(_GIVE, 0, 0, _REFUSE)
    return [part for v in values for part in (_instruction(_EQUAL, 0, 1, v), refuse)]
