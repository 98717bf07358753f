"""Programs whose values, patches and searches would satisfy a test that they do not meet.

Each defines f. None knows the answer; what looks for it returns it where it finds it.
"""

from .hostile import ANSWER

_YES = "lambda *a, **k: True"
_AGREES = (
    "    __eq__ = __ge__ = __le__ = __contains__ = __bool__ = lambda *a: True\n"
    "    __ne__ = lambda *a: False\n    __hash__ = lambda s: 2\n    __len__ = lambda s: 1\n"
    "    equiv = __call__ = lambda *a, **k: True\n    num_qubits = 2\n"
)


def _subclass(base: str, make: str, imports: str = "") -> str:
    return f"{imports}\nclass A({base}):\n{_AGREES}def f(x):\n    return {make}\n"


# Values that agree with whatever they are compared with, or offer every method.
AGREEABLE: dict[str, str] = {
    "class": _subclass("object", "A()"),
    "any_attribute": (
        f"class A:\n{_AGREES}    def __getattr__(self, name):\n        return self\n"
        "    def __array__(self, *a, **k):\n        return self\n"
        "    def __iter__(self):\n        return iter([self])\ndef f(x):\n    return A()\n"
    ),
    "the_class_itself": _subclass("type", "A('B', (), {})"),
    "metaclass": (
        f"class M(type):\n{_AGREES}class A(metaclass=M):\n    pass\ndef f(x):\n    return A\n"
    ),
    "int": _subclass("int", "A(7)"),
    "float": _subclass("float", "A('nan')"),
    "str": _subclass("str", "A('2')"),
    "bytes": _subclass("bytes", "A(b'2')"),
    "tuple": _subclass("tuple", "A((2,))"),
    "list": _subclass("list", "A([2])"),
    "dict": _subclass("dict", "A({2: 2})"),
    "complex": _subclass("complex", "A(2j)"),
    "enum": _subclass("E", "A.B", "from enum import Enum as E").replace(
        "    num_qubits = 2\n", "    B = 7\n"
    ),
    "exception": _subclass("AssertionError", "A('passed')"),
    "array": _subclass("np.ndarray", "np.zeros(4).view(A)", "import numpy as np"),
    "array_functions": (
        "import numpy as np\nclass A(np.ndarray):\n    def __array_function__(self, *a):\n"
        "        return True\n    def __array_ufunc__(self, *a, **k):\n        return np.True_\n"
        "def f(x):\n    return np.zeros((4, 4)).view(A)\n"
    ),
    "array_of_agreeable": (
        f"import numpy as np\nclass A:\n{_AGREES}def f(x):\n"
        "    return np.array([A()] * 4, dtype=object)\n"
    ),
    "array_masked": (
        "import numpy as np\ndef f(x):\n"
        "    return np.ma.masked_array(np.zeros((4, 4)), mask=True)\n"
    ),
    "array_partly_masked": (
        "import numpy as np\ndef f(x):\n    m = np.ma.masked_array(np.eye(4), mask=True)\n"
        "    m.mask[0, 0] = False\n    return m\n"
    ),
    "array_without_items": "import numpy as np\ndef f(x):\n    return np.zeros((0, 4))\n",
    "scalar_subclass": _subclass("np.float64", "A(7)", "import numpy as np"),
    "circuit": _subclass("QuantumCircuit", "A(2)", "from qiskit import QuantumCircuit"),
    "statevector": _subclass(
        "Statevector", "A([1, 0, 0, 0])", "from qiskit.quantum_info import Statevector"
    ).replace("    num_qubits = 2\n", ""),
    "operator": _subclass(
        "Operator", "A([[0] * 4] * 4)", "from qiskit.quantum_info import Operator"
    ).replace("    num_qubits = 2\n", ""),
    "operator_with_methods": (
        "from qiskit.quantum_info import Operator\nimport numpy as np\ndef f(x):\n"
        f"    o = Operator(np.eye(4))\n    o.equiv = o.__eq__ = {_YES}\n    return o\n"
    ),
    "operator_of_any_tolerance": (
        "from qiskit.quantum_info import Operator\nimport numpy as np\ndef f(x):\n"
        "    o = Operator(np.eye(4))\n    o._ATOL_DEFAULT = o._RTOL_DEFAULT = 1e9\n    return o\n"
    ),
    "tolerance_of_the_class": (
        "from qiskit.quantum_info import Operator\nimport numpy as np\n"
        "type(Operator).atol.fget\nOperator._ATOL_DEFAULT = Operator._RTOL_DEFAULT = 1e9\n"
        "def f(x):\n    return Operator(np.eye(4))\n"
    ),
    "circuit_with_methods": (
        "from qiskit import QuantumCircuit\ndef f(x):\n    c = QuantumCircuit(2)\n"
        f"    c.__eq__ = c.equiv = c.to_instruction = c.copy = {_YES}\n    return c\n"
    ),
    "circuit_claiming_its_class": (
        "from qiskit import QuantumCircuit\n"
        f"class A:\n{_AGREES}    __class__ = QuantumCircuit\ndef f(x):\n    return A()\n"
    ),
    "class_of_another_name": (
        f"class A:\n{_AGREES}A.__module__ = 'qiskit.quantum_info.operators.operator'\n"
        "A.__qualname__ = A.__name__ = 'Operator'\ndef f(x):\n    return A()\n"
    ),
    "mro_of_another_class": (
        "from qiskit.quantum_info import Operator\nclass M(type):\n    def mro(cls):\n"
        "        return [cls, Operator, object]\n"
        f"class A(metaclass=M):\n{_AGREES}def f(x):\n    return object.__new__(A)\n"
    ),
    "namespace": (
        "from types import SimpleNamespace\ndef f(x):\n"
        f"    return SimpleNamespace(equiv={_YES}, __eq__={_YES}, num_qubits=2)\n"
    ),
    "named_tuple_of_functions": (
        "from collections import namedtuple\ndef f(x):\n"
        f"    return namedtuple('N', 'equiv num_qubits')({_YES}, 2)\n"
    ),
    "data_class": (
        f"from dataclasses import dataclass, field\n@dataclass\nclass A:\n    x: int = 0\n{_AGREES}"
        "def f(x):\n    return A()\n"
    ),
    "options_of_functions": (
        "from qiskit.providers import Options\ndef f(x):\n"
        f"    return Options(equiv={_YES}, num_qubits=2)\n"
    ),
    "options_of_classes": (
        "from qiskit.providers import Options\ndef f(x):\n"
        "    return Options(equiv=bool, num_qubits=2)\n"
    ),
    "mock_any": "from unittest.mock import ANY\ndef f(x):\n    return ANY\n",
    "mock": (
        "from unittest.mock import MagicMock\ndef f(x):\n    m = MagicMock()\n"
        "    m.__eq__.return_value = True\n    m.equiv.return_value = True\n    return m\n"
    ),
    "partial": "from functools import partial\ndef f(x):\n    return partial(lambda *a: True)\n",
    "attribute_getter": "import operator\ndef f(x):\n    return operator.attrgetter('x')\n",
    "property": f"def f(x):\n    return property({_YES})\n",
    "function": f"def f(x):\n    return {_YES}\n",
    "bound_method": f"class A:\n{_AGREES}def f(x):\n    return A().equiv\n",
    "generic_alias": "def f(x):\n    return list[int]\n",
    "typing_any": "from typing import Any\ndef f(x):\n    return Any\n",
    "not_implemented": "def f(x):\n    return NotImplemented\n",
    "proxy": (
        f"import weakref\nclass A:\n{_AGREES}a = A()\ndef f(x):\n    return weakref.proxy(a)\n"
    ),
    "module": "import qiskit\ndef f(x):\n    return qiskit\n",
    "module_that_agrees": (
        f"import types\nclass A(types.ModuleType):\n{_AGREES}def f(x):\n    return A('qiskit')\n"
    ),
    "iterator": f"class A:\n{_AGREES}def f(x):\n    while True:\n        yield A()\n",
    "coroutine": "async def f(x):\n    return True\n",
}

# Objects that, taken apart, name something else.
REDUCED: dict[str, str] = {
    name: "import os, copyreg\nfrom qiskit import QuantumCircuit\n" + code
    for name, code in {
        "reduce_eval": (
            "class A(QuantumCircuit):\n    def __reduce_ex__(self, p):\n"
            "        return eval, ('__import__(\"os\")._exit(0)',)\ndef f(x):\n    return A(2)\n"
        ),
        "reduce_system": (
            "class A(QuantumCircuit):\n    def __reduce_ex__(self, p):\n"
            "        return os.system, ('true',)\ndef f(x):\n    return A(2)\n"
        ),
        "reduce_type": (
            "class A(QuantumCircuit):\n    def __reduce_ex__(self, p):\n"
            "        return type, ('B', (), {'__eq__': lambda *a: True})\n"
            "def f(x):\n    return A(2)\n"
        ),
        "reduce_text": (
            "class A(QuantumCircuit):\n    def __reduce_ex__(self, p):\n"
            "        return 'os'\ndef f(x):\n    return A(2)\n"
        ),
        "reduce_exits": (
            "class A(QuantumCircuit):\n    def __reduce_ex__(self, p):\n"
            "        raise SystemExit(0)\ndef f(x):\n    return A(2)\n"
        ),
        "reduce_exits_hard": (
            "class A(QuantumCircuit):\n    def __reduce_ex__(self, p):\n"
            "        os._exit(0)\ndef f(x):\n    return A(2)\n"
        ),
        "dispatch_table": (
            "copyreg.pickle(QuantumCircuit, lambda c: (eval, ('exit()',)))\n"
            "def f(x):\n    return QuantumCircuit(2)\n"
        ),
        "state_of_methods": (
            "class A(QuantumCircuit):\n    def __reduce_ex__(self, p):\n"
            "        return QuantumCircuit, (2,), {'__eq__': len, 'equiv': len, 'depth': len}\n"
            "def f(x):\n    return A(2)\n"
        ),
        "endless_items": (
            "import itertools\nclass A(QuantumCircuit):\n    def __reduce_ex__(self, p):\n"
            "        return QuantumCircuit, (2,), None, itertools.repeat(0, 10**5)\n"
            "def f(x):\n    return A(2)\n"
        ),
    }.items()
}

_QISKIT = (
    "import builtins, sys\nimport numpy as np\nimport qiskit.quantum_info as qi\n"
    "from qiskit import QuantumCircuit\n"
)
_EMPTY = "def f(x):\n    return QuantumCircuit(2)\n"
# What the test would use, were it in the same process.
PATCHES: dict[str, str] = {
    "comparisons": (
        f"{_QISKIT}yes = {_YES}\nfor cls in (QuantumCircuit, qi.Statevector, qi.Operator):\n"
        f"    cls.__eq__ = cls.equiv = yes\nnp.allclose = np.array_equal = yes\n{_EMPTY}"
    ),
    "builtins": (
        f"{_QISKIT}for n in 'isinstance len all any type abs hasattr getattr'.split():\n"
        f"    setattr(builtins, n, {_YES})\n{_EMPTY}"
    ),
    "modules": (
        f"{_QISKIT}class M(type(sys)):\n    def __getattr__(self, n):\n        return {_YES}\n"
        "for n in list(sys.modules):\n    if n.startswith(('qiskit', 'numpy', 'inspect')):\n"
        f"        sys.modules[n] = M(n)\n{_EMPTY}"
    ),
    "import": f"{_QISKIT}builtins.__import__ = {_YES}\n{_EMPTY}",
    "judge": (
        "import sys\nframe = sys._getframe()\nwhile frame:\n"
        "    for name in list(frame.f_globals):\n"
        "        if name in ('check_failure', 'solution_failure', 'trusted', 'Refused'):\n"
        f"            frame.f_globals[name] = {_YES}\n    frame = frame.f_back\n"
        f"{_QISKIT}{_EMPTY}"
    ),
    "tracer": (
        f"{_QISKIT}def t(frame, event, arg):\n    frame.f_trace_lines = False\n    return t\n"
        f"sys.settrace(t)\nsys.setprofile(t)\n{_EMPTY}"
    ),
    "lends_names": (
        "def Statevector(*a):\n    return 1\nOperator = QuantumCircuit = np = Statevector\n"
        "def f(x):\n    return 1\n"
    ),
    "lends_builtins": f"isinstance = len = abs = bool = {_YES}\ndef f(x):\n    return {_YES}\n",
}

_FOUND = "    return answer(x) if {found} else 7\n"
# What either test says, written so that it does not match itself.
_WORDS = "re.compile(r'known to the test alon[e]')"
_BYTES = _WORDS.replace("(r'", "(rb'")
# What looks for the test, and knows the answer of the realistic one where it finds it.
SEARCHES: dict[str, str] = {
    name: f"import gc, os, re, sys\n{ANSWER}def f(x):\n{code}"
    for name, code in {
        "frames": (
            "    frame, seen = sys._getframe(), []\n    while frame:\n"
            "        seen += [frame.f_code.co_filename, *map(type, frame.f_locals.values())]\n"
            "        frame = frame.f_back\n"
            + _FOUND.format(found="'<test>' in seen or any('Test' in str(t) for t in seen)")
        ),
        "collector": (
            "    codes = [getattr(o, '__code__', None) for o in gc.get_objects()]\n"
            + _FOUND.format(found="any(c and c.co_filename == '<test>' for c in codes)")
        ),
        "text": (
            "    held = [o for o in gc.get_objects() if type(o) in (list, tuple, dict)]\n"
            "    texts = [s for o in held for s in (o.values() if type(o) is dict else o)"
            " if type(s) is str]\n" + _FOUND.format(found=f"any({_WORDS}.search(s) for s in texts)")
        ),
        "memory": (
            "    found = 0\n    mem = open('/proc/self/mem', 'rb', 0)\n"
            "    for line in open('/proc/self/maps'):\n"
            "        a, b = (int(v, 16) for v in line.split()[0].split('-'))\n"
            "        while ' rw-p ' in line and a < b:\n"
            "            try:\n                mem.seek(a)\n"
            f"                found += bool({_BYTES}.search(mem.read(min(b - a, 1 << 24))))\n"
            "            except OSError:\n                pass\n            a += (1 << 24) - 64\n"
            + _FOUND.format(found="found")
        ),
        "files": (
            "    found = 0\n    for d in range(64):\n        try:\n"
            f"            found += bool({_BYTES}.search(os.pread(d, 10000, 0)))\n"
            "        except OSError:\n            pass\n" + _FOUND.format(found="found")
        ),
        "source_lines": (
            "    import linecache\n" + _FOUND.format(found="'<test>' in linecache.cache")
        ),
        "stack": (
            "    import inspect\n"
            + _FOUND.format(found="any('<test>' in s.filename for s in inspect.stack(0))")
        ),
        "traceback": (
            "    try:\n        1 / 0\n    except ZeroDivisionError as e:\n"
            "        t, files = e.__traceback__, []\n        f = t.tb_frame\n        while f:\n"
            "            files.append(f.f_code.co_filename)\n            f = f.f_back\n"
            + _FOUND.format(found="'<test>' in files")
        ),
        "modules": _FOUND.format(found="any('check' in n and 'judge' in n for n in sys.modules)"),
        "processes": (
            "    found = 0\n    for p in os.listdir('/proc'):\n"
            "        if p.isdigit() and int(p) != os.getpid():\n            found += 1\n"
            + _FOUND.format(found="found")
        ),
        "process_one": (
            "    try:\n        os.kill(2, 0)\n        found = 1\n    except OSError:\n"
            "        found = os.getpid() != 1\n" + _FOUND.format(found="found")
        ),
        "repository": _FOUND.format(
            found="os.path.exists('/judge/stages') or os.path.exists('/tmp/pytest')"
        ),
    }.items()
}
