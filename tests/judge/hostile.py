"""Programs that try to pass without being right, to escape, or to starve the machine.

Each defines f, which ought to return its argument plus one. Those that attempt a forbidden act
return the right answer if the act succeeds, so that a hole in the isolation shows as "passed".
"""

from stages.judge import Outcome

TEST = """
def check(candidate):
    assert candidate(1) == 2
    assert candidate(41) == 42

def test_type():
    assert type(f(0)) is int
    assert f(0) == 1
"""

WRONG = "def f(x):\n    return x\n"
END: tuple[Outcome, ...] = ("runtime_error",)


def escapes(home: list[str], repository: str, file: str, port: int) -> dict[str, str]:
    """Acts that must fail, against things which exist on this machine, by name."""
    acts = {
        "reads_file": f"open({file!r}).read()",
        "sees_home": f"import os; assert any(map(os.path.exists, {home!r}))",
        "lists_home_variable": "import os; os.listdir(os.path.expanduser('~'))[0]",
        "lists_repository": f"import os; os.stat({repository!r} + '/pyproject.toml')",
        "reads_environment": "import os; os.environ['KETUNE_SECRET']",
        "reads_parent_environment": (
            "import glob; assert any(b'KETUNE_SECRET' in open(p, 'rb').read()"
            " for p in glob.glob('/proc/*/environ'))"
        ),
        "sees_other_processes": "import os; os.kill(os.getppid() or 10**9, 0); os.stat('/proc/2')",
        "reads_judge_source": "open('/judge/stages/judge/inside/check.py').read()",
        "reads_password_file": "open('/etc/passwd').read()",
        "writes_outside": "open('/usr/escaped', 'w').write('x')",
        "writes_root": "open('/escaped', 'w').write('x')",
        "writes_packages": "import numpy; open(numpy.__file__, 'a').write('')",
        "writes_devices": "open('/dev/escaped', 'w').write('x')",
        "writes_kernel_settings": "open('/proc/sys/kernel/core_pattern', 'w').write('x')",
        "finds_earlier_scratch": "import os; os.stat('/tmp/left-behind')",
        "connects": f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
        "resolves": "import socket; socket.getaddrinfo('example.com', 443)",
        "sends_datagram": (
            f"import socket; socket.socket(2, 2).sendto(b'x', ('127.0.0.1', {port}))"
        ),
        "abstract_socket": f"import socket; socket.socket(1).connect('\\0ketune-{port}')",
        "mounts": (
            "import subprocess; subprocess.run('mount -t tmpfs x /usr'.split(), check=True)"
        ),
        "new_user_namespace": (
            "import subprocess; subprocess.run(['unshare', '-Ur', 'true'], check=True)"
        ),
        "gains_root": "import os; os.setgroups([]); os.chown('/tmp', 1, 1)",
        "traces": ("import ctypes; c = ctypes.CDLL(None); assert c.ptrace(0, 0, 0, 0) == 0"),
        "memory_file": "import os; os.memfd_create('x')",
        "large_file": "open('/tmp/x', 'wb').write(bytes(200 << 20))",
        "raises_limit": (
            "import resource as r; r.setrlimit(r.RLIMIT_AS, (r.RLIM_INFINITY, r.RLIM_INFINITY))"
        ),
    }
    return {
        name: "def f(x):\n    " + act.replace("; ", "\n    ") + "\n    return x + 1\n"
        for name, act in acts.items()
    }


# name: (code, outcomes that are right)
FORGERIES: dict[str, tuple[str, tuple[Outcome, ...]]] = {
    "prints_markers": (
        "print('passed'); print('OK'); print('[\"passed\", \"\"]', flush=True)\n" + WRONG,
        ("wrong_answer",),
    ),
    "exits_zero": ("import sys\nprint('passed')\nsys.exit(0)\n" + WRONG, END),
    "exits_in_function": ("def f(x):\n    raise SystemExit(0)\n", END),
    "exits_hard": ("import os\nos._exit(0)\n", END),
    "exits_hard_in_function": ("def f(x):\n    import os\n    os._exit(0)\n", END),
    "quits": ("def f(x):\n    quit()\n", END),
    "keyboard_interrupt": ("def f(x):\n    raise KeyboardInterrupt\n", END),
    "generator_exit": ("def f(x):\n    raise GeneratorExit\n", END),
    "raises_assertion": ("def f(x):\n    raise AssertionError('passed')\n", END),
    "custom_base_exception": (
        "class E(BaseException):\n    def __str__(self):\n        raise SystemExit(0)\n"
        "def f(x):\n    raise E\n",
        END,
    ),
    "kills_itself": ("def f(x):\n    import os\n    os.abort()\n", END),
    "crashes": ("def f(x):\n    import ctypes\n    ctypes.string_at(0)\n", END),
    "patches_assertion_error": (
        "import builtins\nclass A(Exception):\n    pass\nbuiltins.AssertionError = A\n"
        "AssertionError = A\n" + WRONG,
        ("wrong_answer",),
    ),
    "patches_type": (
        "import builtins\nbuiltins.type = lambda *a: int\ntype = builtins.type\n"
        "def f(x):\n    return float(x + 1)\n",
        ("wrong_answer", "forbidden"),
    ),
    "replaces_check": (
        "def check(candidate):\n    pass\ndef test_type():\n    pass\n" + WRONG,
        ("wrong_answer",),
    ),
    "patches_json": (
        'import json, os\njson.dumps = lambda *a, **k: \'["passed", ""]\'\n'
        "os.getpid = lambda: 1\n" + WRONG,
        ("wrong_answer",),
    ),
    "atexit": ("import atexit, os\natexit.register(os._exit, 0)\n" + WRONG, ("wrong_answer",)),
    "deletion": (
        "import os\nclass D:\n    def __del__(self):\n        os._exit(0)\nd = D()\n" + WRONG,
        ("wrong_answer", "runtime_error"),
    ),
    "thread_exits": (
        "import os, threading, time\n"
        "threading.Thread(target=lambda: (time.sleep(0.3), os._exit(0)), daemon=True).start()\n"
        "def f(x):\n    time.sleep(2)\n    return x + 1\n",
        END,
    ),
    "signal_handler": (
        "import os, signal\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(0))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.2)\ndef f(x):\n    while True:\n        pass\n",
        END,
    ),
    "writes_descriptors": (
        'import os\nfor d in range(256):\n    try:\n        os.write(d, b\'["passed", ""]\')\n'
        "    except OSError:\n        pass\n" + WRONG,
        ("forbidden",),
    ),
    "writes_long_report": (
        "import os\nfor d in range(3, 256):\n    try:\n"
        '        os.write(d, bytes(32) + b\'\\0\\0\\0\\x0e["passed", ""]\')\n'
        "    except OSError:\n        pass\n" + WRONG,
        ("forbidden",),
    ),
    "closes_descriptors": (
        "import os, time\nos.closerange(0, 256)\ntime.sleep(0.2)\n" + WRONG,
        ("forbidden", "runtime_error"),
    ),
    "fork_answers": (
        "import os\ndef f(x):\n    if os.fork() == 0:\n        return x + 1\n"
        "    os.wait()\n    return x\n",
        ("wrong_answer",),
    ),
    "recursion": ("def f(x):\n    return f(x)\n", END),
    "deep_recursion": (
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(x):\n    return [f(x)]\n",
        ("runtime_error", "out_of_memory", "timeout"),
    ),
    "endless_loop": ("def f(x):\n    while True:\n        pass\n", ("timeout",)),
    "endless_import": ("while True:\n    pass\n", ("timeout",)),
    "sleeps": ("import time\ntime.sleep(10**6)\n", ("timeout",)),
    "catches_all": (
        "def f(x):\n    while True:\n        try:\n            while True:\n                pass\n"
        "        except BaseException:\n            pass\n",
        ("timeout",),
    ),
    "ignores_signals": (
        "import signal\nfor s in range(1, 65):\n    try:\n        signal.signal(s, 1)\n"
        "    except (OSError, ValueError):\n        pass\nwhile True:\n    pass\n",
        ("timeout",),
    ),
    "memory": ("x = bytearray(8 << 30)\n" + WRONG, ("out_of_memory",)),
    "memory_slowly": (
        "x = []\nwhile True:\n    x.append(bytearray(16 << 20))\n",
        ("out_of_memory",),
    ),
    "memory_of_children": (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
        "        x = bytearray(os.urandom(1 << 20)) * 400\n        time.sleep(60)\n"
        "time.sleep(60)\n",
        ("out_of_memory",),
    ),
    "fork_bomb": (
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n",
        ("forbidden",),
    ),
    "thread_bomb": (
        "import threading, time\nwhile True:\n"
        "    threading.Thread(target=time.sleep, args=(60,)).start()\n",
        ("forbidden", "runtime_error", "out_of_memory"),
    ),
    "floods_output": (
        "import os\nwhile True:\n    os.write(1, b'x' * 65536)\n    os.write(2, b'x' * 65536)\n",
        ("timeout",),
    ),
    "syntax": ("def f(x:\n    return x + 1\n", ("syntax_error",)),
    "null_byte": ("def f(x):\n    return x + 1\0\n", ("syntax_error",)),
    "nested_brackets": ("x = " + "(" * 5000 + ")" * 5000 + "\n" + WRONG, ("syntax_error",)),
    "other_name": ("def g(x):\n    return x + 1\n", ("missing_entry_point",)),
    "not_callable": ("f = 2\n", ("missing_entry_point",)),
    "empty": ("  \n", ("no_code",)),
}

DAEMON = """
import os, subprocess
def f(x):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "{seconds}"])
        os._exit(0)
    os.wait()
    open("/tmp/left-behind", "w").write("x")
    return x
"""
