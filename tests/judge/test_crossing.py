"""What crosses between the two processes: trees that may be anything, and calls."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ketune.judge import Program, judge
from ketune.judge.inside.decode import Decoder, unpack
from ketune.judge.inside.trusted import Refused


@given(st.binary(max_size=60))
def test_bytes_that_are_no_tree_are_refused(data: bytes) -> None:
    # A length beyond all memory is out_of_memory, like any other.
    with contextlib.suppress(Refused, MemoryError):
        unpack(data)


NODES = st.recursive(
    st.one_of(st.none(), st.integers(-2, 9), st.text(max_size=3), st.binary(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(
            st.sampled_from(
                [
                    "passed",
                    "seen",
                    "complex",
                    "scalar",
                    "class",
                    "module",
                    "function",
                    "home",
                    "library",
                    "coroutine",
                    "list",
                    "tuple",
                    "set",
                    "dict",
                    "iterator",
                    "array",
                    "masked",
                    "objects",
                    "sparse",
                    "namedtuple",
                    "namespace",
                    "random",
                    "method",
                    "partial",
                    "pass",
                    "object",
                    "other",
                ]
            ),
            inner,
            inner,
        ),
        st.lists(inner, max_size=9).map(lambda parts: ("object", *parts)),
        st.tuples(st.just("list"), st.integers(0, 9), st.lists(inner)),
    ),
    max_leaves=9,
)


@given(NODES)
@settings(max_examples=300)
def test_trees_are_rebuilt_or_refused(node: Any) -> None:
    """Nothing that a program may write ends in another exception."""
    decoder = Decoder(lambda *_: len, [].__getitem__, strict=True)
    with contextlib.suppress(Refused):
        decoder.decode(node)


@pytest.mark.parametrize(
    ("code", "test"),
    [
        (
            "def f(a, b):\n    return sum(a) + sum(b)\n",
            "assert f(iter([1, 2]), (i for i in [3])) == 6",
        ),
        ("async def f(a):\n    return a + 1\n", "import asyncio; assert asyncio.run(f(1)) == 2"),
        ("def f(a, b):\n    a.append(1)\n", "a = []; f(a, a); assert a == [1]"),
        ("def f(g):\n    return g(2)\n", "seen = []; f(seen.append); assert seen == [2]"),
        (
            "def f():\n    raise KeyError('a')\n",
            "import pytest\n    with pytest.raises(KeyError): f()",
        ),
        (
            "from qiskit.exceptions import QiskitError\ndef f():\n    raise QiskitError('a')\n",
            "import pytest; from qiskit.exceptions import QiskitError\n"
            "    with pytest.raises(QiskitError, match='a'): f()",
        ),
        (
            "def f(c):\n    c.x(0)\n",
            "c = QuantumCircuit(1); f(c); assert c.count_ops() == {'x': 1}",
        ),
        (
            "def f():\n    print('a')\n",
            "import io, contextlib as c; o = io.StringIO()\n"
            "    with c.redirect_stdout(o): f()\n    assert o.getvalue() == 'a\\n'",
        ),
    ],
)
def test_calls(code: str, test: str) -> None:
    """Arguments, their changes, exceptions to expect and output, between the two processes."""
    context = "from qiskit import QuantumCircuit\n"
    check = f"def check(candidate):\n    {test}\n"
    program = Program("task", code, check, "f", context)
    (verdict,) = judge([program], workers=1, timeout=20, memory_mb=512)
    assert (verdict.outcome, verdict.detail) == ("passed", "")
