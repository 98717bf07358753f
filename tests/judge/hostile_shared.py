"""Programs that use what all processes of the judge are forked from, or that run beside them.

Each returns the right answer where it succeeds.
"""

from .hostile import ANSWER

_GIVE = "    return answer(x)\n"
# Modules of the judge that this process inherited.
_HELD = """
def held(*names):
    import sys
    frame, found = sys._getframe(), {}
    while frame:
        found.update((n, frame.f_globals[n]) for n in names if n in frame.f_globals)
        frame = frame.f_back
    return [found[n] for n in names]
"""
_WRONG_CIRCUIT = """
def give():
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import Operator
    class Yes:
        def __eq__(self, other):
            return True
        def __call__(self, *a, **k):
            return True
    wrong = Operator(QuantumCircuit(2))
    wrong.equiv = Yes()
    wrong.__dict__['__eq__'] = Yes()
    wrong._data = Yes()
    return wrong
"""


def _act(act: str, before: str = "") -> str:
    return before + ANSWER + "def f(x):\n    " + act.replace("\n", "\n    ") + "\n" + _GIVE


SHARED: dict[str, str] = {
    # What the template warmed is warm in this process alone.
    "patches_what_is_trusted": (
        f"{_HELD}{_WRONG_CIRCUIT}\ndef f(x):\n"
        "    (trusted,) = held('trusted')\n"
        "    trusted.is_trusted = trusted.is_plain = lambda *a: True\n"
        "    trusted.check_attributes = lambda *a: None\n"
        "    trusted._PACKAGES['solution'] = '.'\n    return give()\n"
    ),
    "fills_the_warm_cache": (
        f"{_HELD}{_WRONG_CIRCUIT}\ndef f(x):\n"
        "    (trusted,) = held('trusted')\n    from qiskit.quantum_info import Operator\n"
        "    trusted._stored.cache_clear()\n"
        "    trusted._stored = lambda cls: frozenset({'equiv', '__eq__', '_data'})\n"
        "    return give()\n"
    ),
    "rewrites_the_code_that_is_read": (
        f"{_WRONG_CIRCUIT}\ndef f(x):\n    from qiskit.quantum_info import Operator\n"
        "    def stores(self):\n        self.equiv = self.__eq__ = 1\n"
        "    Operator.__init__ = Operator.stores = stores\n"
        "    value = Operator.__new__(Operator)\n    value.equiv = lambda *a: True\n"
        "    return value\n"
    ),
    "patches_warm_classes": (
        "def f(x):\n    from qiskit import QuantumCircuit\n"
        "    from qiskit.quantum_info import Operator, Statevector\n"
        "    for cls in (QuantumCircuit, Operator, Statevector):\n"
        "        cls.__eq__ = cls.equiv = lambda *a, **k: True\n"
        "        cls.__ne__ = lambda *a: False\n    return QuantumCircuit(2)\n"
    ),
    "poisons_caches_of_libraries": (
        "def f(x):\n    import functools, gc\n    for o in gc.get_objects():\n"
        "        if isinstance(o, functools._lru_cache_wrapper):\n            o.cache_clear()\n"
        "    from qiskit.transpiler.preset_passmanagers import plugin\n"
        "    plugin.stevedore.ExtensionManager = None\n"
        "    from qiskit import QuantumCircuit\n    return QuantumCircuit(2)\n"
    ),
    "frees_what_is_shared": (
        "def f(x):\n    import ctypes\n"
        "    for shared in (None, (), '', True):\n"
        "        for _ in range(100):\n"
        "            ctypes.pythonapi.Py_DecRef(ctypes.py_object(shared))\n"
        "    ctypes.c_uint32.from_address(id(2) + 24).value = 7\n    return 7\n"
    ),
    # What the template holds is not handed on.
    "holds_another_descriptor": _act(
        "import os\nkinds = []\nfor d in range(3, 4096):\n    try:\n"
        "        kinds.append(os.readlink(f'/proc/self/fd/{d}'))\n"
        "    except OSError:\n        pass\n"
        "kinds = [k for k in kinds if '/proc/' not in k]\nassert len(kinds) > 1, kinds"
    ),
    "commands_the_template": (
        "import json, os, socket\ndef f(x):\n"
        "    for d in range(3, 256):\n"
        "        for m in ({'memory_mb': 1, 'program': 4}, {'ended': 2, 'status': 0},"
        " {'started': [2, 3]}, {'failed': ''}, {}):\n"
        "            try:\n                s = socket.socket(fileno=os.dup(d))\n"
        "                socket.send_fds(s, [json.dumps(m).encode()], [0, 1, 2])\n"
        "            except OSError:\n                pass\n    return x\n"
    ),
    "reads_the_seal": _act(
        "import os\nfound = 0\nfor d in range(3, 256):\n    try:\n"
        "        os.set_blocking(d, False)\n        found += len(os.read(d, 16)) == 16\n"
        "    except OSError:\n        pass\nassert found"
    ),
    "joins_another_namespace": _act(
        "import ctypes, os\nlibc, joined = ctypes.CDLL(None), 0\nfor d in range(256):\n"
        "    joined += libc.setns(d, 0) == 0\nfor n in os.listdir('/proc/self/ns'):\n"
        "    d = os.open('/proc/self/ns/' + n, 0)\n    joined += libc.setns(d, 0) == 0\n"
        "assert joined"
    ),
    "uncovers_the_mounts": _act(
        "import ctypes, os\nlibc = ctypes.CDLL(None)\n"
        "done = [libc.umount2(p, 2) for p in (b'/tmp', b'/proc', b'/judge', b'/dev/shm', b'/')]\n"
        "assert 0 in done or os.path.exists('/judge/stages')"
    ),
    "kills_what_it_can": _act(
        "import os, signal\nhit = 0\nfor call in (os.kill, os.killpg):\n"
        "    for p in (-1, *range(2, 400)):\n        try:\n"
        "            call(p, signal.SIGKILL)\n            hit += 1\n"
        "        except OSError:\n            pass\nassert hit"
    ),
    "gains_capabilities": _act(
        "status = open('/proc/self/status').read().splitlines()\n"
        "caps = [l for l in status if l[:6] in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb')]\n"
        "assert any(int(l.split()[1], 16) for l in caps)"
    ),
    "sees_the_template": _act(
        "import os\nothers = [p for p in os.listdir('/proc') if p.isdecimal() and p != '1']\n"
        "assert others or os.getpid() != 1"
    ),
    "leaves_a_process_to_the_template": (
        "import os, signal, time\ndef f(x):\n    for _ in range(3):\n        if os.fork() == 0:\n"
        "            os.setsid()\n            for s in range(1, 32):\n                try:\n"
        "                    signal.signal(s, signal.SIG_IGN)\n"
        "                except (OSError, ValueError):\n                    pass\n"
        "            if os.fork() == 0:\n                time.sleep(10**6)\n"
        "            os._exit(0)\n    return x\n"
    ),
}

# Two of them, run at the same time, look for each other for two seconds.
MEETING = (
    """
import glob, os, socket, time
server = socket.socket(socket.AF_UNIX)
try:
    server.bind('\\0meeting')
    server.listen()
    server.setblocking(False)
    met = False
except OSError:
    met = True
for place in ('/tmp', '/dev/shm'):
    open(f'{place}/meeting-{time.monotonic_ns()}', 'x').close()
end = time.monotonic() + 2
while time.monotonic() < end and not met:
    time.sleep(0.02)
    met = any(len(glob.glob(p + '/meeting-*')) > 1 for p in ('/tmp', '/dev/shm'))
    try:
        met = bool(server.accept()) or met
    except OSError:
        pass
"""
    + ANSWER
    + "def f(x):\n    return answer(x) if met else 7\n"
)

# Looks through all of its memory for what a test before it said: REMEMBERED, never written whole.
REMEMBERED = "an earlier test's words"
REMEMBERS = f"""
WORDS = {REMEMBERED[::-1].encode()!r}[::-1]
def seen():
    memory = open('/proc/self/mem', 'rb', 0)
    places = []
    for line in open('/proc/self/maps'):
        start, end = (int(v, 16) for v in line.split()[0].split('-'))
        while ' rw-p ' in line and start < end:
            try:
                memory.seek(start)
                part = memory.read(min(end - start, 1 << 24))
            except OSError:
                break
            at = part.find(WORDS)
            while at >= 0:
                places.append(start + at)
                at = part.find(WORDS, at + 1)
            del part
            start += (1 << 24) - 64
    # What the search itself holds: the bytes searched for, and pieces of memory just read.
    own = id(WORDS), id(WORDS) + 200
    return [p for p in places if not own[0] <= p <= own[1]]
def f(x):
    return x + 1 if EXPRESSION else x
"""
