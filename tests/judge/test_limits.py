"""What a program can take of the machine, measured while it tries."""

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ketune.judge import JudgeUnavailable, Program, Verdict, judge, memory

TEST = "def check(candidate):\n    assert candidate(1) == 2\n"
HEAD = "import ctypes, mmap, os, socket, subprocess, sys, time\n"
LIMIT, SECONDS = 400, 6.0
# What the judge's own processes and the tests beside this one may take meanwhile, and what a
# program gets hold of before it is looked at.
SLACK = 350

_SHARED = """
for _ in range(12):
    if os.fork() == 0:
        kept = []
        while True:
            m = MAPPED
            kept.append(m)
            for i in range(0, len(m), 4096):
                m[i] = 1
            m.madvise(mmap.MADV_DONTNEED)
time.sleep(60)
"""
_TAKERS = {
    "children": (
        "for _ in range(12):\n    if os.fork() == 0:\n        kept = []\n        while True:\n"
        "            kept.append(bytearray(b'x' * (1 << 20)))\ntime.sleep(60)\n"
    ),
    "other_programs": (
        'code = \'import time; kept = [bytearray(b"x" * (1 << 20)) for _ in range(90)];'
        " time.sleep(60)'\nfor _ in range(20):\n"
        "    subprocess.Popen([sys.executable, '-I', '-S', '-c', code])\ntime.sleep(60)\n"
    ),
    "sockets": (
        "def fill():\n    kept = []\n    while True:\n        try:\n"
        "            pair = socket.socketpair()\n        except OSError:\n"
        "            time.sleep(60)\n        kept.append(pair)\n"
        "        for end in pair:\n            end.setblocking(False)\n"
        "            try:\n                while end.send(bytes(1 << 16)):\n"
        "                    pass\n"
        "            except BlockingIOError:\n                pass\n"
        "for _ in range(12):\n    if os.fork() == 0:\n        fill()\nfill()\n"
    ),
}
_REFUSED = {
    "shared_memory": _SHARED.replace("MAPPED", "mmap.mmap(-1, 50 << 20)").replace(
        "for _ in range(12):\n    if os.fork() == 0:", "for _ in range(1):\n    if True:"
    ),
    "zeros_shared": "mmap.mmap(os.open('/dev/zero', os.O_RDWR), 1 << 20)\n",
    "memory_file": "os.memfd_create('x')\n",
    "semaphores": (
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "if libc.semget(0, 32000, 0o1600) < 0:\n    raise OSError(ctypes.get_errno(), 'semget')\n"
    ),
    "pages_lent_to_a_pipe": (
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "if libc.vmsplice(os.pipe()[1], 0, 0, 0) < 0:\n"
        "    raise OSError(ctypes.get_errno(), 'vmsplice')\n"
    ),
    "larger_socket": "socket.socketpair()[0].setsockopt(1, 7, 8 << 20)\n",
    "machine_socket": "socket.socket(40, socket.SOCK_STREAM)\n",
    "kernel_socket": "socket.socket(16, socket.SOCK_RAW)\n",
    "cipher_socket": "socket.socket(38, socket.SOCK_SEQPACKET)\n",
    "watches": (
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "if libc.inotify_init() < 0:\n    raise OSError(ctypes.get_errno(), 'inotify')\n"
    ),
    "lock_of_a_shared_file": (
        "import fcntl\nfcntl.flock(os.open(os.__file__, os.O_RDONLY), fcntl.LOCK_EX)\n"
    ),
    "lock_of_a_range": (
        "import fcntl\nfcntl.lockf(os.open(os.__file__, os.O_RDONLY), fcntl.LOCK_SH)\n"
    ),
    "core_files": (
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "if libc.setrlimit(4, bytes(16)) < 0:\n    raise OSError(ctypes.get_errno(), 'setrlimit')\n"
    ),
    "hides_its_memory": (
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "if libc.prctl(4, 0, 0, 0, 0) < 0:\n    raise OSError(ctypes.get_errno(), 'prctl')\n"
    ),
    "newer_kernel_calls": (
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "if libc.syscall(457, 0, 0, 0, 0) < 0:\n    raise PermissionError(1, 'statmount')\n"
    ),
}
ALLOWED = """
import asyncio, multiprocessing, os, socket, subprocess, sys, tempfile, threading
def f(x):
    asyncio.run(asyncio.sleep(0))
    one, other = socket.socketpair()
    one.sendall(b"x")
    with multiprocessing.get_context("fork").Manager() as manager:
        values = manager.dict(a=1)
        assert values["a"] == 1
    with tempfile.TemporaryDirectory() as place:
        open(place + "/x", "w").write("x")
    subprocess.run([sys.executable, "-c", "1"], check=True)
    kept = bytearray(b"x" * (150 << 20))
    return x + len(other.recv(1))
"""


def run(*codes: str, seconds: float = SECONDS, workers: int = 1) -> list[Verdict]:
    programs = [Program(str(i), HEAD + code, TEST, "f") for i, code in enumerate(codes)]
    return list(judge(programs, workers=workers, timeout=seconds, memory_mb=LIMIT))


@pytest.mark.parametrize("name", _TAKERS)
def test_all_of_a_programs_memory_counts(name: str) -> None:
    run("def f(x):\n    return x + 1\n")  # the judge has started
    with _peak() as taken:
        (verdict,) = run(_TAKERS[name])
    assert verdict.outcome == "out_of_memory", verdict
    assert taken[0] < LIMIT + SLACK


@contextlib.contextmanager
def _peak() -> Iterator[list[float]]:
    """MiB by which this process's descendants and the kernel's memory have grown at most."""
    before, done, found = _taken(), threading.Event(), [0.0]

    def watch() -> None:
        while not done.wait(0.01):
            found[0] = max(found[0], _taken() - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def _taken() -> float:
    lines = Path("/proc/meminfo").read_text().splitlines()
    sizes = {name: int(size) for name, size, *_ in map(str.split, lines)}
    kernel = sum(sizes[name] for name in ("Shmem:", "SUnreclaim:"))
    own = 0
    for process in _descendants(os.getpid()):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                own += int(line.split()[1]) if line.startswith("Pss_Anon") else 0
    return (kernel + own) / 1024


def _descendants(process: int) -> list[int]:
    found = []
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                found += [child, *_descendants(child)]
    return found


def test_memory_that_no_count_shows_is_refused() -> None:
    verdicts = dict(zip(_REFUSED, run(*_REFUSED.values(), seconds=20, workers=2), strict=True))
    others = {name: v for name, v in verdicts.items() if v.outcome != "forbidden"}
    # There is no such device.
    assert others.pop("zeros_shared").outcome == "runtime_error"
    assert others == {}


def test_what_programs_do_use_works() -> None:
    assert [(v.outcome, v.detail) for v in run(ALLOWED, seconds=30)] == [("passed", "")]


def test_a_storm_of_forks_ends_soon() -> None:
    storm = "while True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
    hops = "while True:\n    if os.fork():\n        os._exit(0)\n"
    sleeper = "import time\ndef f(x):\n    time.sleep(1)\n    return x + 1\n"
    verdicts = run(storm, hops, sleeper, seconds=30, workers=2)
    assert [v.outcome for v in verdicts] == ["forbidden", "runtime_error", "passed"]
    assert all(verdict.seconds < 15 for verdict in verdicts)


def test_a_flood_of_messages_is_bounded_and_slows_nobody() -> None:
    flood = "while True:\n    os.write(2, b'x' * 65536)\n"
    honest = "def f(x):\n    return x + 1\n"
    start = time.monotonic()
    verdicts = run(flood, *[honest] * 3, seconds=3, workers=2)
    assert [v.outcome for v in verdicts] == ["timeout", *["passed"] * 3]
    assert time.monotonic() - start < 60


def test_no_file_tells_of_the_machine() -> None:
    code = (
        "import glob\ndef f(x):\n"
        "    names = [n for n in glob.glob('/proc/**', recursive=True)]\n"
        "    return sorted(os.listdir('/proc') + os.listdir('/dev'))\n"
    )
    test = (
        "def check(candidate):\n    assert candidate(1) == sorted("
        "['cpuinfo', 'meminfo', 'stat', 'full', 'null', 'random', 'shm', 'urandom'])\n"
    )
    program = Program("t", HEAD + code, test, "f")
    (verdict,) = judge([program], workers=1, timeout=20, memory_mb=LIMIT)
    assert (verdict.outcome, verdict.detail) == ("passed", "")


def test_no_program_starts_while_the_machine_is_short_of_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    free = iter([100, 100, 399])
    monkeypatch.setattr(memory, "_meminfo", lambda: (64_000, next(free, 400)))
    monkeypatch.setattr(memory, "_LOOK", 0.01)
    assert run("def f(x):\n    return x + 1\n", seconds=20)[0].outcome == "passed"
    assert "waits for 300 MiB of memory" in capsys.readouterr().err


def test_a_machine_that_stays_short_of_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_meminfo", lambda: (64_000, 100))
    monkeypatch.setattr(memory, "_LOOK", 0.01)
    monkeypatch.setattr(memory, "_GIVE_UP", 0.05)
    with pytest.raises(JudgeUnavailable, match="300 MiB short of memory"):
        run("def f(x):\n    return x + 1\n")


def test_a_small_machine_starts_programs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_meminfo", lambda: (2_000, 260))
    assert memory.missing_mb(4096) == 0
    monkeypatch.setattr(memory, "_meminfo", lambda: (2_000, 200))
    assert memory.missing_mb(4096) == 50
