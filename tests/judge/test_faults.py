"""A program cannot stop an evaluation: whatever becomes of the judge's processes is its failure."""

import contextlib
import os
import signal
import threading
from pathlib import Path

import pytest

from ketune.judge import Program, Verdict, judge, pool

RIGHT = "def f(x):\n    return x + 1\n"
TEST = "def check(candidate):\n    assert candidate(1) == 2\n"
CALL = "import os, signal, time\ndef check(candidate):\n    candidate(1)\n    "
# What a hole in the values that cross could have the test's process do.
HIJACKED = {
    "closes_its_report_and_sleeps": "os.closerange(3, 256); time.sleep(60)",
    "closes_its_report_and_exits": "os.closerange(3, 256); os._exit(0)",
    "exits": "os._exit(0)",
    "crashes": "os.abort()",
    "writes_to_everything": (
        '[os.write(d, b\'["passed", ""]\') for d in range(3, 256) if can(d)]; os._exit(0)'
    ),
    "writes_much_to_everything": (
        "[os.write(d, b'x' * 60000) for d in range(3, 256) if can(d)]; os._exit(0)"
    ),
}
CAN = (
    "def can(d):\n    import os\n    try:\n        os.set_blocking(d, False)\n"
    "        return os.write(d, b'') == 0\n    except OSError:\n        return False\n"
)
# What a program can do in its own.
HOSTILE = {
    "closes_all_and_sleeps": "os.closerange(0, 256)\ntime.sleep(60)\n",
    "closes_all_in_a_call": "def f(x):\n    os.closerange(0, 256)\n    time.sleep(60)\n",
    "duplicates": "for d in range(3, 200):\n    try:\n        os.dup2(3, d)\n"
    "    except OSError:\n        pass\ntime.sleep(60)\n",
    "garbage": "for d in range(3, 64):\n    try:\n        os.write(d, os.urandom(4000))\n"
    "    except OSError:\n        pass\ntime.sleep(60)\n",
    "huge_length": "peer().stream.write(b'\\xff' * 8)\ntime.sleep(60)\n",
    "gigabytes_announced": "peer().stream.write((1 << 31).to_bytes(8, 'big'))\ntime.sleep(60)\n",
    "half_a_message": "peer().stream.write(bytes(7) + b'\\x40ab')\ntime.sleep(60)\n",
    "nested_messages": "import marshal\ndata = b'(\\x01\\0\\0\\0' * 100000\n"
    "peer().stream.write(len(data).to_bytes(8, 'big') + data)\ntime.sleep(60)\n",
    "never_reads": "def f(x):\n    pass\nimport threading\nthreading.Event().wait()\n",
    "stops_itself": "os.kill(os.getpid(), signal.SIGSTOP)\n",
    "kills_all": "os.kill(-1, signal.SIGKILL)\nos.killpg(0, signal.SIGKILL)\n",
    "kills_parent": "for p in (os.getppid(), 0, -1, *range(2, 300)):\n    try:\n"
    "        os.kill(p, signal.SIGKILL)\n    except OSError:\n        pass\nos._exit(3)\n",
    "leaves_its_session": "for c in (os.setsid, lambda: os.setpgid(0, 0)):\n    try:\n        c()\n"
    "    except OSError:\n        pass\nif os.fork():\n    os._exit(0)\ntime.sleep(60)\n",
    "traces": "import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)\nos._exit(4)\n",
    "lowers_its_limits": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))\n",
    "renames_itself": "import ctypes\nctypes.CDLL(None).prctl(15, b') S 1 1 1', 0, 0, 0)\n"
    "import sys\nsys.exit(2)\n",
    "threads_and_exits": "import threading\nfor _ in range(200):\n"
    "    threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\nos._exit(0)\n",
    "passes_descriptors": "import socket\n"
    "s = socket.socket(fileno=os.dup(peer().stream.fileno()))\nwhile True:\n"
    "    socket.send_fds(s, [b'x'], [0, 1, 2])\n",
    "shuts_down": "import socket\n"
    "socket.socket(fileno=os.dup(peer().stream.fileno())).shutdown(2)\ntime.sleep(60)\n",
    "replaced_by_another_program": "os.execv('/bin/sleep', ['sleep', '60'])\n",
    "floods": "while True:\n    os.write(peer().stream.fileno(), bytes(65536))\n",
}
_PEER = (
    "import os, signal, sys, time\ndef peer():\n    frame = sys._getframe()\n"
    "    while 'peer' not in frame.f_locals or callable(frame.f_locals['peer']):\n"
    "        frame = frame.f_back\n    return frame.f_locals['peer']\n"
)


def run(*programs: Program, seconds: float = 3.0) -> list[Verdict]:
    return list(judge(programs, workers=2, timeout=seconds, memory_mb=512))


def test_what_the_tests_process_does_is_the_programs_failure() -> None:
    programs = [Program(n, RIGHT, CAN + CALL + act, "f") for n, act in HIJACKED.items()]
    verdicts = run(*programs, Program("honest", RIGHT, TEST, "f"), seconds=8)
    assert verdicts.pop().outcome == "passed"
    allowed = {"runtime_error", "out_of_memory", "forbidden"}
    assert {v.task_id: v for v in verdicts if v.outcome not in allowed} == {}
    assert all(verdict.seconds < 8 + 4 for verdict in verdicts)


def test_no_program_stops_the_evaluation() -> None:
    programs = [Program(n, _PEER + code, TEST, "f") for n, code in HOSTILE.items()]
    verdicts = run(*programs, Program("honest", RIGHT, TEST, "f"))
    assert verdicts.pop().outcome == "passed"
    allowed = {"runtime_error", "out_of_memory", "forbidden", "timeout", "missing_entry_point"}
    assert {v.task_id: v for v in verdicts if v.outcome not in allowed} == {}
    assert all(verdict.seconds < 3 + 4 for verdict in verdicts)


def test_a_test_declared_unfit_is_the_programs_failure_where_another_program_runs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a program could have its test's process say."""
    original = pool._Server.receive

    def receive(self: pool._Server, deadline: float) -> dict[str, object]:
        reply = original(self, deadline)
        return reply | {"outcome": "bad_test"} if reply.get("id") == 0 else reply

    monkeypatch.setattr(pool._Server, "receive", receive)
    unfit = Program("unfit", RIGHT, "def check(:\n", "f")
    verdicts = run(Program("forged", RIGHT, TEST, "f"), unfit, seconds=20)
    assert [v.outcome for v in verdicts] == ["forbidden", "judge_error"]
    assert "does not compile" in verdicts[1].detail


def test_a_judge_that_fails_on_a_right_program_is_at_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = Program(
        "known", "def f():\n    return 2\n", "def check(f):\n    assert f() == 1\n", "f"
    )
    monkeypatch.setattr(pool, "_KNOWN", broken)
    program = Program("t", RIGHT, CALL + HIJACKED["exits"], "f")
    assert [v.outcome for v in run(program, seconds=20)] == ["judge_error"]


def test_a_program_that_ends_the_sandbox_twice_is_to_blame() -> None:
    """Two servers are killed while it runs; those beside it are judged as ever."""
    slow = "import time\ntime.sleep(2)\n" + RIGHT
    seen = 0
    programs = [Program("killer", slow, TEST, "f"), Program("other", RIGHT, TEST, "f")]
    original = pool._Server.receive

    def receive(self: pool._Server, deadline: float) -> dict[str, object]:
        nonlocal seen
        reply = original(self, deadline)
        if reply.get("id") == 0 and seen < 2:
            seen += 1
            os.kill(self.process.pid, signal.SIGKILL)
            raise pool._ServerDied
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool._Server, "receive", receive)
        verdicts = run(*programs, seconds=20)
    assert [v.outcome for v in verdicts] == ["forbidden", "passed"]


def test_a_test_reads_files_of_the_program_and_imports_none() -> None:
    code = (
        "def f(x):\n    import os\n    os.makedirs('inner', exist_ok=True)\n"
        "    open('inner/a.txt', 'w').write('written')\n    os.symlink('/etc', 'link')\n"
        "    os.mkfifo('queue')\n    open('module_of_it.py', 'w').write('x = 1')\n    return 2\n"
    )
    test = """
import importlib, pathlib

def check(candidate):
    assert candidate(1) == 2
    for name in ("inner/a.txt", "/tmp/inner/a.txt", "./inner/../inner/a.txt"):
        with open(name) as file:
            assert file.read() == "written"
    with open("back.txt", "w") as file:
        file.write("answer")
    assert open(b"back.txt", "rb").read() == b"answer"
    for refused in ("link/passwd", "queue", "missing", "inner"):
        try:
            open(refused)
        except OSError:
            continue
        raise AssertionError(refused)
    assert pathlib.Path("inner").is_dir() and not pathlib.Path("missing").exists()
    try:
        importlib.import_module("module_of_it")
    except ImportError:
        return
    raise AssertionError
"""
    assert [(v.outcome, v.detail) for v in run(Program("t", code, test, "f"), seconds=20)] == [
        ("passed", "")
    ]


def test_tasks_are_the_first_that_a_machine_out_of_memory_ends() -> None:
    slow = "import time\ndef f(x):\n    time.sleep(2)\n    return x + 1\n"
    found: set[str] = set()
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.2):
            for path in Path("/proc").glob("[0-9]*/oom_score_adj"):
                with contextlib.suppress(OSError):
                    if b"/venv" in (path.parent / "cmdline").read_bytes():
                        found.add(path.read_text().strip())

    looker = threading.Thread(target=look)
    looker.start()
    assert run(Program("t", slow, TEST, "f"), seconds=20)[0].outcome == "passed"
    done.set()
    looker.join()
    assert "1000" in found
