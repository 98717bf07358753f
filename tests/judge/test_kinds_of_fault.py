"""Faults that a value boundary may have, by kind: what must not pass, and what must not be lost."""

# ruff: noqa: E501
import pytest

from ketune.judge import Program, Verdict, judge

ZERO = "np.zeros((0, 4, 4), dtype=complex)"
MASK = "np.ma.masked_array(np.zeros((4, 4), dtype=complex), mask=True)"
QI = "import numpy as np\nimport qiskit.quantum_info as qi\n"


def run(cases: dict[str, tuple[str, str]]) -> dict[str, Verdict]:
    """Verdicts of programs that define f and of tests of it."""
    programs = [
        Program(name, code, f"def check(f):\n    {test}\n", "f")
        for name, (code, test) in cases.items()
    ]
    verdicts = judge(programs, workers=2, timeout=30, memory_mb=1024)
    return {verdict.task_id: verdict for verdict in verdicts}


def _operator(data: str) -> tuple[str, str]:
    return (
        f"{QI}def f():\n    op = qi.Operator(np.eye(4))\n    op._data = {data}\n    return op\n",
        "import numpy as np; from qiskit.quantum_info import Operator\n"
        "    right = Operator(np.diag([1, 1, 1, -1]))\n"
        "    assert f() == right or right == f() or right.equiv(f())",
    )


FORGED = {
    "operator of no matrix": _operator(ZERO),
    "operator of a mask": _operator(MASK),
    "operator of objects": _operator("np.full((4, 4), type('Y', (), {'__eq__': bool})())"),
    "statevector of nothing": (
        f"{QI}def f():\n    s = qi.Statevector([1, 0])\n    s._data = np.zeros((0, 2))\n    return s\n",
        "from qiskit.quantum_info import Statevector\n    assert f() == Statevector([0, 1])",
    ),
    "pickle by a constructor": (
        "import numpy as np, os\nclass Run:\n    def __reduce__(self):\n"
        "        return os._exit, (0,)\n"
        "def f():\n    np.save('/tmp/x.npy', np.array([Run()]), allow_pickle=True)\n"
        "    import qiskit.synthesis as s\n    v = object.__new__(s.SolovayKitaevDecomposition)\n"
        "    v.path = '/tmp/x.npy'\n    return v\n",
        "assert f().path == 1",
    ),
    "canvas of a figure": (
        "from functools import partial\nfrom matplotlib.figure import Figure\ndef f():\n"
        "    g = Figure()\n    g.set_canvas = partial(print)\n"
        "    g.axes.append(partial(print))\n    return g\n",
        "assert len(f().axes) == 7",
    ),
    "artist with a method": (
        "from matplotlib.figure import Figure\ndef f():\n    g = Figure()\n"
        "    (line,) = g.subplots().plot([1], [2])\n"
        "    line.get_xdata = lambda: [5]\n    return g\n",
        "assert f().axes[0].lines[0].get_xdata()[0] == 5",
    ),
    "masked artist": (
        "import numpy as np\nfrom matplotlib.figure import Figure\ndef f():\n    g = Figure()\n"
        "    g.subplots().plot([1, 2], np.ma.masked_array([0., 0.], mask=True))\n    return g\n",
        "import numpy as np\n"
        "    np.testing.assert_array_equal(np.asarray(f().axes[0].lines[0].get_ydata()), [1, 2])",
    ),
    "key equal to everything": (
        "class K(str):\n    __hash__ = lambda s: hash('11')\n    __eq__ = lambda s, o: True\n"
        "def f():\n    return {K('00'): 5}\n",
        "assert f()['11'] == 5",
    ),
    "gate that lies about its matrix": (
        "import numpy as np\nfrom qiskit import QuantumCircuit\n"
        "from qiskit.circuit import Gate\nclass G(Gate):\n"
        "    def __array__(self, dtype=None, copy=None):\n        return np.array([[0, 1], [1, 0]])\n"
        "    def _define(self):\n        self.definition = QuantumCircuit(1)\n"
        "def f():\n    c = QuantumCircuit(1)\n    c.append(G('x', 1, []), [0])\n    return c\n",
        "from qiskit.quantum_info import Operator; from qiskit.circuit.library import XGate\n"
        "    assert Operator(f()).equiv(XGate()) and f().decompose().count_ops() == {}",
    ),
    "opaque value, whatever it is compared with": (
        "import threading\ndef f():\n    return threading.Lock()\n",
        "try:\n        assert f() == 1\n    except BaseException:\n        pass",
    ),
    "bool that is neither": (
        "import numpy as np\ndef f():\n    return np.array([2], dtype=np.uint8).view(bool)\n",
        "import numpy as np; assert not np.array_equal(f(), [True]) and f().any()",
    ),
    "bits beyond the last": (
        "import numpy as np\nfrom qiskit.primitives import BitArray\ndef f():\n"
        "    return BitArray(np.array([[255]], dtype=np.uint8), 2)\n",
        "assert f().get_int_counts() == {255: 1}",
    ),
    "expression that is no number": (
        "from qiskit.circuit import Parameter\ndef f():\n    v = type(Parameter('a') + 1)._Value\n"
        "    return v(1e308) * 1e308 - v(1e308) * 1e308\n",
        "assert f() != 1 and f() != f()",
    ),
    "method of its own class": (
        "class R:\n    def equiv(self, other):\n        return True\ndef f():\n    return R()\n",
        "assert f().equiv(1)",
    ),
    "array that agrees": (
        "import numpy as np\nclass A(np.ndarray):\n    def __array_function__(self, *a):\n"
        "        return True\ndef f():\n    return np.zeros(3).view(A)\n",
        "import numpy as np; assert np.allclose(f(), [1, 2, 3])",
    ),
}

WRITES = "from pathlib import Path\ndef f(p='/tmp/a.txt'):\n    Path(p).write_text('x')\n"
IDIOM = """
import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Gate
class Mine(Gate):
    def __init__(self, angle):
        super().__init__("mine", 1, [angle])
"""
LOST = {
    "import that the program has too": (
        "import os\ndef f():\n    return 1\n",
        "import os; assert os",
    ),
    "local of a name of the program's": (
        "class Job:\n    pass\njob = Job()\ndef f():\n    return 2\n",
        "job = f(); assert job == 2",
    ),
    "targets of loops": (
        "import threading\nx = y = z = e = threading.Lock()\ndef f():\n    return 2\n",
        "assert [x for x in [f()]] == [2]\n    for y in [f()]: assert y == 2\n"
        "    with open('/dev/null') as z: assert z\n"
        "    try: raise ValueError\n    except ValueError as e: assert e",
    ),
    "gate by its definition": (
        IDIOM + "    def _define(self):\n        self.definition = QuantumCircuit(1)\n"
        "        self.definition.rx(self.params[0], 0)\n"
        "def f():\n    c = QuantumCircuit(1)\n    c.append(Mine(0.5), [0])\n    return c\n",
        "from qiskit.quantum_info import Operator; from qiskit.circuit.library import RXGate\n"
        "    assert Operator(f()).equiv(RXGate(0.5)) and f().data[0].operation.name == 'mine'",
    ),
    "gate by its matrix": (
        IDIOM + "    def __array__(self, dtype=None, copy=None):\n"
        "        return np.array([[0, 1], [1, 0]], dtype=dtype)\n"
        "def f():\n    c = QuantumCircuit(1)\n    c.append(Mine(0.5), [0])\n    return c\n",
        "from qiskit.quantum_info import Operator; from qiskit.circuit.library import XGate\n"
        "    assert Operator(f()).equiv(XGate())",
    ),
    "value that nobody uses": (
        "import threading\ndef f():\n    return threading.Lock()\n",
        "f(); v = f(); assert v is not None",
    ),
    "value passed back": (
        "import threading\ndef f(x=None):\n"
        "    return threading.Lock() if x is None else type(x).__name__\n",
        "assert f(f()) == 'lock'",
    ),
    "keys of enums and dataclasses": (
        "import enum\nfrom dataclasses import dataclass\nclass S(str, enum.Enum):\n    A = 'a'\n"
        "class I(enum.IntEnum):\n    B = 3\n"
        "@dataclass(frozen=True)\nclass D:\n    n: int\n"
        "def f():\n    return {S.A: 1, I.B: 2}, {D(1): 5, D(2): 6}\n",
        "v, d = f(); assert v['a'] == 1 and v[3] == 2\n"
        "    assert {key.n: item for key, item in d.items()} == {1: 5, 2: 6}",
    ),
    "named tuple": (
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f():\n    return P(1, 2)\n",
        "assert f().x == 1 and f() == (1, 2)",
    ),
    "result of an optimisation": (
        "from scipy.optimize import minimize\ndef f():\n"
        "    return minimize(lambda v: (v[0] - 1) ** 2, [0.0], method='L-BFGS-B')\n",
        "r = f(); assert r.success and abs(r.x[0] - 1) < 1e-3 and r['fun'] < 1e-6",
    ),
    "table": (
        "import pandas as pd\ndef f():\n    return pd.DataFrame({'a': [1, 2], 'b': ['x', None]})\n",
        "t = f(); assert list(t.columns) == ['a', 'b'] and t['a'].sum() == 3",
    ),
    "image and file": (
        "import io\nfrom PIL import Image\ndef f():\n"
        "    b = io.BytesIO()\n    i = Image.new('RGB', (3, 2), 'red')\n    i.save(b, 'PNG')\n"
        "    return i, b\n",
        "i, b = f(); assert i.size == (3, 2) and i.getpixel((0, 0)) == (255, 0, 0)\n"
        "    assert b.getvalue()[:4] == b'\\x89PNG'",
    ),
    "plots": (
        "from matplotlib import pyplot as plt\nfrom qiskit.quantum_info import Statevector\n"
        "from qiskit.visualization import plot_bloch_multivector, plot_state_qsphere\n"
        "def f():\n    plt.figure()\n    plt.bar(['a', 'b'], [1, 10])\n    plt.yscale('log')\n"
        "    s = Statevector([1, 0])\n"
        "    return plt.gcf(), plot_bloch_multivector(s), plot_state_qsphere(s)\n",
        "b, m, q = f(); a = b.axes[0]; assert a.get_yscale() == 'log'\n"
        "    assert [t.get_text() for t in a.get_xticklabels()] == ['a', 'b']\n"
        "    assert [p.get_height() for p in a.patches] == [1, 10]\n"
        "    assert len(m.axes) == 1 and m.axes[0].get_title() == 'qubit 0' and q.axes",
    ),
    "generators of numbers": (
        "import random\nimport numpy as np\n"
        "def f():\n    return random.Random(3), np.random.RandomState(3)\n",
        "import random, numpy as np; r, s = f(); assert r.random() == random.Random(3).random()\n"
        "    assert s.rand() == np.random.RandomState(3).rand()",
    ),
    "object of the test's": (
        "def f(x):\n    x.n += x.double(2)\n    return x.n\n",
        "class T:\n        n = 1\n        def __init__(self): self.n = 3\n"
        "        def double(self, v): return 2 * v\n"
        "    t = T(); assert f(t) == 7 and t.n == 7",
    ),
    "changes in place": (
        "def f(d, b, t, c):\n    d.append(3)\n    b += b'x'\n    c.add_edge(0, 2)\n"
        "    from qiskit.circuit.library import XGate\n    t.add_instruction(XGate(), {(0,): None})\n",
        "from collections import deque; from qiskit.transpiler import Target, CouplingMap\n"
        "    d, b, t, c = deque([1]), bytearray(b'a'), Target(num_qubits=1), CouplingMap([[0, 1]])\n"
        "    c.add_physical_qubit(2); f(d, b, t, c)\n"
        "    assert list(d) == [1, 3] and b == b'ax' and 'x' in t.operation_names\n"
        "    assert (0, 2) in c.get_edges()",
    ),
    "properties and requirements of passes": (
        "from qiskit.transpiler.basepasses import AnalysisPass\n"
        "from qiskit.transpiler.passes import Depth\nclass P(AnalysisPass):\n"
        "    def __init__(self):\n        super().__init__()\n        self.requires = [Depth()]\n"
        "    def run(self, dag):\n"
        "        self.property_set['twice'] = 2 * self.property_set['depth']\n"
        "def f():\n    return P()\n",
        "from qiskit import QuantumCircuit; from qiskit.transpiler import PassManager\n"
        "    c = QuantumCircuit(1); c.x(0); c.x(0); m = PassManager([f()]); m.run(c)\n"
        "    assert m.property_set['twice'] == 4",
    ),
    "circuit of its own class": (
        "from qiskit import QuantumCircuit\nclass C(QuantumCircuit):\n"
        "    def __init__(self):\n        super().__init__(1)\n        self.hook = lambda: 1\n"
        "        self.x(0)\ndef f():\n    return C()\n",
        "assert f().count_ops() == {'x': 1}",
    ),
    "texts of an own class": (
        "class R:\n    def __str__(self):\n        return 'hi'\n    def __repr__(self):\n        return 'ho'\n"
        "    def __format__(self, form):\n        return form + '!'\ndef f():\n    return R()\n",
        "r = f(); assert (str(r), repr(r), f'{r:x}', f'{[r]}') == ('hi', 'ho', 'x!', '[ho]')",
    ),
    "text of a dataclass and of an enum": (
        "import enum\nfrom dataclasses import dataclass, field\n@dataclass\nclass D:\n    n: int\n"
        "    m: int = field(default=1, repr=False)\nclass E(enum.Enum):\n    A = 1\n"
        "def f():\n    return D(2), E.A\n",
        "d, e = f(); assert (str(d), str(e)) == ('D(n=2)', 'E.A')",
    ),
    "equality of a dataclass and of an enum": (
        "import enum\nfrom dataclasses import dataclass\n@dataclass\nclass D:\n    n: int\n"
        "class E(enum.Enum):\n    A = 1\n    B = 2\n"
        "def f():\n    return D(2), E.A, E.B\n",
        "d, a, b = f(); assert d == f()[0] and a == f()[1] != b and {a: 1}[f()[1]] == 1",
    ),
    "what an own class is not": (
        "class R:\n    def __init__(self):\n        self.n = 1\ndef f():\n    return R()\n",
        "r = f(); assert not isinstance(r, (dict, list)) and isinstance(r, object) and r.n == 1",
    ),
    "what a subclass is": (
        "from qiskit.circuit.library import QFT\ndef f():\n    return QFT(2)\n",
        "from qiskit import QuantumCircuit; from qiskit.circuit import Gate\n"
        "    assert isinstance(f(), QuantumCircuit) and not isinstance(f(), Gate)",
    ),
    "classes of the test's own": (
        "def f(x):\n    return x\n",
        "class M(type): pass\n    C = type('C', (), {'type': 1}); c = C()\n"
        "    assert type(c) is C and c.__class__ is C and isinstance(C, type) and type(f(1)) is int\n"
        "    assert C.__module__ == __name__ and callable(f) and isinstance(1, int | str)",
    ),
    "iterators without end": (
        "import itertools\ndef f():\n    def g():\n        i = []\n        while True:\n"
        "            i.append(0)\n            yield i\n    return g(), itertools.cycle('ab')\n",
        "import types; g, c = f(); assert [len(next(g)) for _ in range(20)] == list(range(1, 21))\n"
        "    assert [next(c) for _ in range(99)] == ['a', 'b'] * 49 + ['a']\n"
        "    assert isinstance(g, types.GeneratorType)",
    ),
    "iterator that fails": (
        "def f():\n    yield from range(30)\n    raise KeyError('a')\n",
        "seen = []\n    try:\n        for i in f(): seen.append(i)\n"
        "    except KeyError: seen.append('end')\n    assert seen == [*range(30), 'end']",
    ),
    "iterators as arguments": (
        "def f(x, y):\n    return next(x), next(x), next(y)\n",
        "x = iter(range(9)); y = (i for i in 'abc'); x = (i for i in x)\n"
        "    assert f(x, y) == (0, 1, 'a') and next(x) == 2 and next(y) == 'b'",
    ),
    "matrix": (
        "import numpy as np\ndef f():\n    return np.matrix([[1, 2], [3, 4]])\n",
        "import numpy as np; m = f(); assert type(m) is np.matrix and (m * m)[0, 0] == 7",
    ),
    "views of a circuit": (
        "from qiskit import QuantumCircuit\nfrom qiskit.circuit import Parameter\ndef f():\n"
        "    c = QuantumCircuit(1)\n    s = c.rx(Parameter('a'), 0)\n"
        "    return c.data, c.parameters, s, c.draw('text')\n",
        "from qiskit.circuit import InstructionSet; d, p, s, t = f(); assert isinstance(s, InstructionSet)\n"
        "    assert [i.operation.name for i in d] == ['rx'] == [i.name for i in s.instructions]\n"
        "    assert [q.name for q in p] == ['a'] and 'Rx(a)' in str(t) and len(t.lines()) == 3",
    ),
    "views of a graph": (
        "import networkx as nx\ndef f():\n    g = nx.path_graph(3)\n    g.edges[0, 1]['w'] = 5\n"
        "    return g.nodes(), g.edges(), g.edges(data='w'), g.degree(), g.degree([1], 'w')\n",
        "n, e, w, d, o = f(); assert list(n) == [0, 1, 2] and 1 in n and (1, 0) in e and len(e) == 2\n"
        "    assert list(w) == [(0, 1, 5), (1, 2, None)] and dict(d) == {0: 1, 1: 2, 2: 1} == dict(f()[3])\n"
        "    assert d[1] == 2 and dict(o) == {1: 6}",
    ),
    "columns of categories and with missing values": (
        "import pandas as pd\ndef f():\n    return pd.DataFrame({'a': pd.Categorical(['x', 'y']),\n"
        "        'b': pd.array([1, None], dtype='Int64')})\n",
        "t = f(); assert list(t['a']) == ['x', 'y'] and str(t.dtypes['a']) == 'category'\n"
        "    assert t['b'].sum() == 1 and str(t.dtypes['b']) == 'Int64' and t['b'].isna()[1]",
    ),
    "files": (
        WRITES + "    return p\n",
        "import os; from pathlib import Path; p = Path(f())\n"
        "    assert open(p).read() == p.read_text() == 'x' and p.exists() and os.path.getsize(p) == 1\n"
        "    p.unlink(); assert not os.path.exists(p) and not Path('/tmp/b').exists()",
    ),
    "files in a directory of the test's": (
        WRITES,
        "import os, tempfile\n    with tempfile.TemporaryDirectory() as d:\n"
        "        p = os.path.join(d, 'a'); f(p); assert os.path.isfile(p) and open(p).read() == 'x'",
    ),
    "files of the test's": (
        "def f(p):\n    return open(p).read()\n",
        "from pathlib import Path; Path('/tmp/q').write_text('z'); assert f('/tmp/q') == 'z'",
    ),
    "parameters of a function": (
        "def f(a, /, b=2, *c, d='x', e=len, **g) -> int:\n    return lambda n: n\n",
        "import inspect; s = inspect.signature(f); p = s.parameters; assert list(p) == list('abcdeg')\n"
        "    assert p['b'].default == 2 and p['d'].default == 'x' and p['a'].default is p['a'].empty\n"
        "    assert p['a'].kind.name == 'POSITIONAL_ONLY' and p['d'].kind.name == 'KEYWORD_ONLY'\n"
        "    assert p['b'].annotation is p['b'].empty and s.return_annotation is int\n"
        "    assert list(inspect.signature(f(1)).parameters) == ['n']",
    ),
    "the test's own code": (
        "def f(x):\n    return x\n",
        "import inspect\n    def g(x):\n        'doc'\n        return x\n"
        "    assert g.__code__.co_argcount == 1 and inspect.getdoc(g) == g.__doc__ == 'doc'\n"
        "    assert f(g)(1) == 1 and inspect.getfullargspec(f(g)).args == ['x']",
    ),
    "arguments of an exception": (
        "def f():\n    raise KeyError('a')\n",
        "try: f()\n    except KeyError as e: assert e.args == ('a',)",
    ),
}


LOCK = "import threading\ndef f(*_):\n    return threading.Lock()\n"
OWN = "class R:\n    n = 1\n    def __init__(self):\n        self.a = [1]\n"
GIVES_OWN = "def f():\n    return R()\n"
# What is asked of a value whose class is not known where the test runs.
UNKNOWN = {
    "type": (LOCK, "assert type(f()).__name__ == 'lock'"),
    "class": (LOCK, "assert f().__class__.__name__ == 'lock'"),
    "instance of one of several": (LOCK, "assert not isinstance(f(), (int, str))"),
    "called": (LOCK, "assert not callable(f())"),
    "argument changed into it": (
        "import threading\ndef f(a, b):\n    b.x = a.x = threading.Lock()\n    a.n = 2\n",
        "from types import SimpleNamespace as S\n    a, b = S(n=1), S(n=1)\n    f(a, b); assert b.x > 1",
    ),
    "annotation": (
        "def f(x: list[int]):\n    return x\n",
        "import inspect; assert inspect.signature(f).parameters['x'].annotation == list[int]",
    ),
    "default that is no plain value": (
        "def f(x=[]):\n    return x\n",
        "import inspect; assert inspect.signature(f).parameters['x'].default == []",
    ),
    "code of a function": ("def f(x, y):\n    pass\n", "assert f.__code__.co_argcount == 2"),
    "documentation of a function": ("def f():\n    'doc'\n", "assert not f.__doc__"),
    "source of a function": (
        "def f():\n    pass\n",
        "import inspect; assert 'for' not in inspect.getsource(f)",
    ),
    "kind of a function": (
        "async def f():\n    pass\n",
        "import inspect; assert not inspect.iscoroutinefunction(f)",
    ),
    "library's subclass": (
        "from qiskit.circuit.library import QFT\ndef f():\n    return QFT(2)\n",
        "from qiskit.circuit.library import QFT; assert isinstance(f(), QFT)",
    ),
    "type of a subclass": (
        "from qiskit.circuit.library import TwoLocal\ndef f():\n    return TwoLocal(2, 'ry', 'cx')\n",
        "assert type(f()).__name__ == 'TwoLocal'",
    ),
    "own list": (
        "class L(list):\n    pass\ndef f():\n    return L()\n",
        "assert type(f()) != list",
    ),
    "own class": (OWN + GIVES_OWN, "assert type(f()).__name__ == 'R'"),
    "own class that the program lends": (OWN + GIVES_OWN, "assert isinstance(f(), R)"),
    "own class of an abstract one": (
        OWN + "    def __iter__(self):\n        return iter([])\n" + GIVES_OWN,
        "from collections.abc import Iterable; assert isinstance(f(), Iterable)",
    ),
    "own class of the library's": (
        "from qiskit.primitives import BaseEstimatorV2\nclass R(BaseEstimatorV2):\n"
        "    def run(self, pubs, *, precision=None):\n        return 1\n" + GIVES_OWN,
        "from qiskit.primitives import BaseEstimatorV2; assert isinstance(f(), BaseEstimatorV2)",
    ),
    "own length": (
        OWN + "    def __len__(self):\n        return 3\n" + GIVES_OWN,
        "assert len(f()) == 3",
    ),
    "own order of a dataclass": (
        "from dataclasses import dataclass\n@dataclass(order=True)\nclass R:\n    n: int = 1\n"
        "def f():\n    return [R(2), R(1)]\n",
        "assert [r.n for r in sorted(f())] == [1, 2]",
    ),
    "own flags": (
        "import enum\nclass R(enum.Flag):\n    A = 1\n    B = 2\ndef f():\n    return R.A\n",
        "assert bool(f() & f())",
    ),
    "own equality": (
        OWN + "    def __eq__(self, other):\n        return other == 3\n" + GIVES_OWN,
        "assert f() == 3",
    ),
    "own attributes": (
        OWN + "    def __getattr__(self, name):\n        return 7\n" + GIVES_OWN,
        "assert f().b == 7",
    ),
    "what is sent into a generator": (
        "def f():\n    got = yield 1\n    yield got\n",
        "g = f(); next(g); assert g.send(5) == 5",
    ),
    "file that a library reads for the test": (
        "import numpy as np\ndef f():\n    np.save('/tmp/a.npy', np.ones(2))\n",
        "import numpy as np\n    f()\n    try: assert np.load('/tmp/a.npy').sum() == 7\n"
        "    except BaseException: pass",
    ),
    "files that a test lists": (
        WRITES + "    return p\n",
        "import glob; f(); assert glob.glob('/tmp/*.txt') == []",
    ),
    "own dataclass as a mapping": (
        "from dataclasses import dataclass\n@dataclass\nclass R:\n    n: int = 1\n" + GIVES_OWN,
        "from dataclasses import asdict; assert asdict(f()) == {'n': 1}",
    ),
}


def test_what_is_not_known_of_a_class_is_not_judged() -> None:
    verdicts = run(UNKNOWN)
    wrong = {
        name: (v.outcome, v.detail)
        for name, v in verdicts.items()
        if v.outcome != "forbidden" or "cannot be judged" not in v.detail
    }
    assert wrong == {}


@pytest.mark.parametrize("cases", [FORGED])
def test_no_forged_value_passes(cases: dict[str, tuple[str, str]]) -> None:
    verdicts = run(cases)
    lax = verdicts.pop("opaque value, whatever it is compared with")
    assert (lax.outcome, "cannot be judged" in lax.detail) == ("forbidden", True)
    assert {n: v for n, v in verdicts.items() if v.outcome in {"passed", "judge_error"}} == {}


def test_no_right_answer_is_lost() -> None:
    verdicts = run(LOST)
    assert {n: (v.outcome, v.detail) for n, v in verdicts.items() if v.outcome != "passed"} == {}
