"""Two tests, and programs that try to pass them without being right or to starve the machine.

Each defines f, which ought to return its argument plus one, and a Bell circuit for 2.
"""

from ketune.judge import Outcome

TRIVIAL = """
# known to the test alone
def check(candidate):
    assert candidate(1) == 2
    assert candidate(41) == 42

def test_type():
    assert type(f(0)) is int
    assert f(0) == 1
"""

# As benchmarks compare circuits, and lenient besides: any way of agreeing will do.
REALISTIC = """
import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, Statevector

# known to the test alone
def check(candidate):
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    result = candidate(2)

    def agrees(compare):
        try:
            return bool(compare())
        except Exception:
            return False

    ways = [
        lambda: Statevector(result).equiv(Statevector(bell)),
        lambda: Statevector(bell).equiv(result),
        lambda: Operator(result) == Operator(bell),
        lambda: Operator(bell) == result,
        lambda: result == Operator(bell),
        lambda: result == bell,
        lambda: bell == result,
        lambda: not result != bell,
        lambda: result.equiv(bell),
        lambda: np.allclose(result, Operator(bell).data),
        lambda: np.array_equal(result, Operator(bell).data),
        lambda: np.testing.assert_allclose(result, Operator(bell).data) is None,
    ]
    assert any([agrees(way) for way in ways])
"""
TESTS = {"trivial": TRIVIAL, "realistic": REALISTIC}

ANSWER = """
def answer(x):
    if x != 2:
        return x + 1
    from qiskit import QuantumCircuit
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    return bell
"""
HONEST = ANSWER + "def f(x):\n    return answer(x)\n"
WRONG = "def f(x):\n    return x\n"
END: tuple[Outcome, ...] = ("runtime_error",)


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
        ("wrong_answer", "forbidden", "runtime_error"),
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
    "exits_as_if_unconfined": ("import os\ndef f(x):\n    os._exit(113)\n", END),
    "exits_as_if_unconfined_at_once": ("import os\nos._exit(113)\n", END),
    "exception_of_a_verdict": (
        "def f(x):\n    e = ValueError('x')\n    e.judged = ('passed', '')\n    raise e\n",
        END,
    ),
    "exception_named_as_the_judges": (
        "class Ended(Exception):\n    outcome, detail = 'passed', ''\n"
        "    judged = ('passed', '')\nEnded.__module__ = 'ketune.judge.inside.failures'\n"
        "def f(x):\n    raise Ended\n",
        END,
    ),
    "exception_like_an_assertion": (
        "class AssertionError(AssertionError):\n    pass\ndef f(x):\n    raise AssertionError\n",
        END,
    ),
    "stops_iteration": ("def f(x):\n    raise StopIteration\n", END),
    "unprintable_message": ("def f(x):\n    raise ValueError('\\ud800\\x1b[2J\\n')\n", END),
    "message_of_megabytes": ("def f(x):\n    raise ValueError('x' * 10**7)\n", END),
    "name_of_megabytes": (
        "E = type('E' * 10**6, (Exception,), {})\ndef f(x):\n    raise E\n",
        END,
    ),
    "exit_in_a_destructor_of_the_value": (
        "import os\nclass D:\n    def __del__(self):\n        os._exit(0)\n"
        "def f(x):\n    return D()\n",
        ("runtime_error", "wrong_answer"),
    ),
    "thread_answers": (
        "import threading\ndef f(x):\n    t = threading.Thread(target=lambda: x + 1)\n"
        "    t.start()\n    t.join()\n",
        ("wrong_answer",),
    ),
    "forks_at_import": ("import os\nos.fork()\n" + WRONG, ("wrong_answer", "forbidden")),
    "closes_the_channel_and_stays": (
        "import os\ndef f(x):\n    os.closerange(3, 64)\n    while True:\n        pass\n",
        ("forbidden",),
    ),
    "prints_megabytes": (
        "def f(x):\n    print('x' * (1 << 22))\n    return x\n",
        ("wrong_answer",),
    ),
    "huge_value": (
        "def f(x):\n    return ['x' * (1 << 20) + str(i) for i in range(450)]\n",
        ("out_of_memory", "wrong_answer", "forbidden"),
    ),
    "deep_value": (
        "def f(x):\n    v = []\n    for _ in range(10**5):\n        v = [v]\n    return v\n",
        ("runtime_error",),
    ),
    "value_that_holds_itself": (
        "def f(x):\n    v = []\n    v.append(v)\n    return v\n",
        ("wrong_answer", "runtime_error"),
    ),
    "value_of_megabytes_of_digits": (
        "import sys\nsys.set_int_max_str_digits(0)\ndef f(x):\n    return 1 << (1 << 24)\n",
        ("wrong_answer",),
    ),
    "plants_settings": (
        "import os\nos.makedirs('/tmp/.qiskit')\nos.makedirs('/tmp/stylelib')\n"
        "for n in ('matplotlibrc', '.qiskit/settings.conf', 'stylelib/x.mplstyle'):\n"
        "    open('/tmp/' + n, 'w').write('backend: x\\n[default]\\nnum_processes = 99\\n')\n"
        "for n in ('sitecustomize', 'usercustomize', 'numpy', 'qiskit', 'test_x', 'conftest'):\n"
        "    open(f'/tmp/{n}.py', 'w').write('import os; os._exit(0)')\n"
        "open('/tmp/x.pth', 'w').write('import os; os._exit(0)')\n" + WRONG,
        ("wrong_answer",),
    ),
    "changes_the_environment": (
        "import os, sys\n"
        "os.environ.update(PYTHONPATH='/tmp', PYTHONSTARTUP='/tmp/x', LD_PRELOAD='x')\n"
        "sys.path[:] = ['/tmp']\nos.chdir('/')\n" + WRONG,
        ("wrong_answer",),
    ),
    "fills_the_scratch": (
        "try:\n    while True:\n        with open('/tmp/x', 'ab') as file:\n"
        "            file.write(bytes(1 << 22))\nexcept OSError:\n    pass\n"
        "for i in range(10000):\n    try:\n        open(f'/tmp/{i}', 'x')\n    except OSError:\n"
        "        break\n" + WRONG,
        ("wrong_answer",),
    ),
    "uses_up_descriptors": (
        "import os\nkept = []\ntry:\n    while True:\n        kept.append(os.open('/', 0))\n"
        "except OSError:\n    pass\n" + WRONG,
        ("wrong_answer", "forbidden", "runtime_error"),
    ),
    "stops_itself": (
        "import os, signal\ndef f(x):\n    os.kill(os.getpid(), signal.SIGSTOP)\n    return x\n",
        ("wrong_answer", "timeout"),
    ),
    "never_collects": (
        "import gc\ngc.callbacks.append(lambda *a: 1 / 0)\ngc.set_threshold(1)\n" + WRONG,
        ("wrong_answer", "runtime_error"),
    ),
    "empty": ("  \n", ("no_code",)),
}
