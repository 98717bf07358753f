"""What crosses between the two processes: calls and their arguments."""

import pytest

from ketune.judge import Program, judge


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
