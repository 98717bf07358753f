"""What a hostile completion may try, and that the run goes on."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ketune.judge import Outcome, Program, Verdict, judge

from .hostile import FORGERIES, HONEST, TESTS, WRONG
from .hostile_escapes import DAEMON, escapes
from .hostile_objects import AGREEABLE, PATCHES, REDUCED, SEARCHES
from .hostile_protocol import CODE, MESSAGES, NODES
from .hostile_shared import MEETING, REMEMBERED, REMEMBERS, SHARED

REPOSITORY = Path(__file__).parents[2]
TIMEOUT = 10.0
SHORT = 2.0  # for programs that will use all of it
FAILED: set[Outcome] = {"wrong_answer", "runtime_error", "forbidden", "out_of_memory"}
# Values of honest types, as far as the test's process can tell, which it then finds wrong.
ENDLESS = {"many_shared", "iterator"}


@pytest.fixture(scope="module")
def listener() -> Iterator[int]:
    """A port of this machine that accepts connections, also as an abstract socket."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        port = server.getsockname()[1]
        local.bind(f"\0ketune-{port}")
        local.listen()
        yield port


def judged(
    codes: dict[str, str], tests: dict[str, str] = TESTS, short: frozenset[str] = frozenset()
) -> dict[tuple[str, str], Verdict]:
    """Verdicts by program and test; an honest program runs last, and passes each test."""
    programs = [
        Program(f"{test} {name}", code, source, "f", timeout=SHORT if name in short else None)
        for name, code in (codes | {"honest": HONEST}).items()
        for test, source in tests.items()
    ]
    verdicts = judge(programs, workers=2, timeout=TIMEOUT, memory_mb=512)
    found = {(v.task_id.split()[1], v.task_id.split()[0]): v for v in verdicts}
    assert {found.pop(("honest", test)).outcome for test in tests} == {"passed"}
    return found


def test_forgeries_get_the_outcome_they_deserve() -> None:
    codes = {name: code for name, (code, _) in FORGERIES.items()}
    short = frozenset(name for name, (_, right) in FORGERIES.items() if "timeout" in right)
    judged({})
    start = time.monotonic()
    verdicts = judged(codes, short=short)
    assert time.monotonic() - start < 120
    wrong = {
        key: verdict
        for key, verdict in verdicts.items()
        if verdict.outcome not in FORGERIES[key[0]][1]
        # What the realistic test stumbles over may end it in another way.
        and (key[1] == "trivial" or verdict.outcome not in FAILED)
    }
    assert not wrong
    assert all(v.seconds < TIMEOUT + 2 for v in verdicts.values())


@pytest.mark.parametrize("codes", [AGREEABLE, REDUCED, PATCHES, SEARCHES, MESSAGES, NODES, SHARED])
def test_nothing_forged_passes(codes: dict[str, str]) -> None:
    verdicts = judged(codes, short=frozenset(ENDLESS))
    allowed = FAILED | {"timeout"}
    assert {key: v for key, v in verdicts.items() if v.outcome not in allowed} == {}
    late = {name for (name, _), v in verdicts.items() if v.outcome == "timeout"}
    assert late <= ENDLESS
    details = [verdict.detail for verdict in verdicts.values()]
    assert all(len(detail) <= 300 and detail.isprintable() for detail in details)


def test_a_value_that_names_what_it_should_not_is_forbidden() -> None:
    """The judge says so, rather than that the answer is wrong, and in both tests alike."""
    names = ("eval", "library_with_a_main", "program_starter", "stub_in_options", "tolerance")
    verdicts = judged({name: NODES[name] for name in names})
    assert {v.outcome for v in verdicts.values()} == {"forbidden"}


def test_nothing_is_read_written_or_reached(
    listener: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    monkeypatch.setenv("KETUNE_SECRET", "x")
    # The interpreter may live below the home directory; the path to it is there, and nothing else.
    bound = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve()]
    entries = [e for e in Path.home().iterdir() if not any(b.is_relative_to(e) for b in bound)]
    home = [str(entry) for entry in entries]
    attempts = escapes(home, str(REPOSITORY), str(secret), listener)
    leaver = {"leaver": "open('/tmp/left-behind', 'w').write('x')\n" + HONEST}
    verdicts = judged(leaver | attempts)
    assert {verdicts.pop(("leaver", test)).outcome for test in TESTS} == {"passed"}
    expected = {"forbidden", "runtime_error"}
    assert {n: v for n, v in verdicts.items() if v.outcome not in expected} == {}
    for name in ("writes_root", "connects", "resolves", "memory_file", "large_file"):
        verdict = verdicts[name, "trivial"]
        assert verdict.outcome == "forbidden", verdict


def test_no_process_outlives_its_task() -> None:
    seconds = str(10**6 + os.getpid())
    verdicts = judged({"daemon": DAEMON.format(seconds=seconds)})
    assert {verdict.outcome for verdict in verdicts.values()} == {"wrong_answer"}
    commands = [path.read_bytes() for path in _command_lines()]
    assert not [line for line in commands if seconds.encode() in line]


def _command_lines() -> Iterator[Path]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            path.read_bytes()
        except OSError:
            continue
        yield path


def test_the_file_that_a_test_writes_is_not_the_judges_report() -> None:
    """A link or a queue of the program's in the place of a file is not opened."""
    test = (
        "def check(candidate):\n    text = candidate(1)\n    for i in range(64):\n        try:\n"
        "            with open(f'/tmp/{i}.txt', 'w') as file:\n                file.write(text)\n"
        "        except OSError:\n            pass\n    assert candidate(2) == 3\n"
    )
    linker = (
        "import os\nfor i in range(64):\n    os.symlink(f'/proc/self/fd/{i}', f'/tmp/{i}.txt')\n"
        'def f(x):\n    if x == 1:\n        return \'["passed", ""]\'\n'
    )
    fifo = "import os\nos.mkfifo('/tmp/0.txt')\ndef f(x):\n    return 'x'\n"
    programs = [Program("linker", linker, test, "f"), Program("fifo", fifo, test, "f", "", SHORT)]
    verdicts = judge(programs, workers=2, timeout=TIMEOUT, memory_mb=512)
    assert [verdict.outcome for verdict in verdicts] == ["wrong_answer", "wrong_answer"]


def test_a_cache_planted_in_the_scratch_has_no_code_run() -> None:
    """Qiskit finds its plugins by a cache in the home directory, which is the scratch."""
    test = (
        "from qiskit.transpiler.passes.synthesis import plugin\ndef check(candidate):\n"
        "    candidate(1)\n    plugin.unitary_synthesis_plugin_names()\n"
        "    assert candidate(1) == 2\n"
    )
    planter = (
        "import json, os, sys, stevedore._cache as cache\ndef f(x):\n"
        "    data = cache._build_cacheable_data()\n"
        "    for group, entries in data['groups'].items():\n"
        "        entries.append(['evil', 'unittest.__main__:main', group])\n"
        "    digest = cache._hash_settings_for_path(tuple(sys.path))[0]\n"
        "    for home in ('/tmp', os.path.expanduser('~')):\n"
        "        directory = home + '/.cache/python-entrypoints'\n"
        "        os.makedirs(directory, exist_ok=True)\n"
        "        with open(f'{directory}/{digest}', 'w') as file:\n"
        "            json.dump(data, file)\n"
        "    with open('/tmp/test_code.py', 'w') as file:\n        file.write(CODE)\n"
    )
    program = Program("planter", f"CODE = {CODE!r}\n{planter}", test, "f")
    (verdict,) = judge([program], workers=1, timeout=TIMEOUT, memory_mb=512)
    assert verdict.outcome == "wrong_answer"


def test_calls_that_end_a_loop_over_them_are_no_answers() -> None:
    test = (
        "def check(candidate):\n    for got, want in zip(map(candidate, [1, 2]), [2, 3]):\n"
        "        assert got == want\n"
    )
    verdicts = judged(
        {"stops": FORGERIES["stops_iteration"][0]},
        {"loop": test.replace("2]", "5]").replace("3]", "6]")},
    )
    assert verdicts["stops", "loop"].outcome == "runtime_error"


def test_a_program_that_ended_does_not_pass_a_test_that_forgives_everything() -> None:
    test = "def check(candidate):\n    try:\n        candidate(1)\n    except:\n        pass\n"
    code = "import os\ndef f(x):\n    os._exit(0)\n"
    assert judged({"exits": code}, {"lax": test})["exits", "lax"].outcome == "runtime_error"


def _asserts(test: str) -> str:
    return f"def check(candidate):\n    assert {test}\n"


LENT = {
    "def Statevector(x): return 1": "Statevector(candidate(1)) == Statevector(2)",
    "from types import SimpleNamespace\nnp = SimpleNamespace(pi=7)": "candidate(1) == np.pi",
    "pi = 7": "candidate(1) == pi",
    "def assert_allclose(*x): pass": "assert_allclose(candidate(1), 3) is None",
    "def allclose(*x): return True": "allclose(candidate(1), 3)",
}


def test_what_has_a_librarys_name_is_not_lent_to_the_test() -> None:
    programs = [
        Program(
            own,
            f"{own}\ndef f(x):\n    return 7\n",
            f"def check(candidate):\n    assert {test}\n",
            "f",
        )
        for own, test in LENT.items()
    ]
    verdicts = judge(programs, workers=1, timeout=TIMEOUT, memory_mb=512)
    assert {verdict.task_id: verdict.outcome for verdict in verdicts} == dict.fromkeys(
        LENT, "forbidden"
    )


# What all tests of a process share, or what does not change: a test that builds it anew would
# compare with what the program made of it. The answer, and what is told of the argument.
TAKEN = {
    "from qiskit.circuit.library import HGate\nGIVEN = HGate()": (
        '["standard", 1, "CCXGate", [], None, 3], [0, record(_name="x")]',
        "candidate(GIVEN) == HGate().control(2)",
    ),
    "import numpy as np\nGIVEN = np": ("4.0, [0, record(pi=4.0)]", "candidate(np) == np.pi"),
    "from qiskit.providers import JobStatus\nGIVEN = JobStatus.DONE": (
        '"wrong", [0, record(_value_="wrong")]',
        "candidate(GIVEN) == JobStatus.DONE.value",
    ),
    "from fractions import Fraction\nGIVEN = Fraction(3, 7)": (
        '["Fraction", 5, "1"], [0, ["Fraction", 6, "1/2"]]',
        "candidate(GIVEN) == 2 * GIVEN",
    ),
}
RECORD = """
def record(**names):
    data = [[name, value] for name, value in names.items()]
    return ["record", 900, "x", [], data, [], [], [0, 0]]
"""


def test_a_librarys_own_names_are_lent() -> None:
    code = "from math import pi, sqrt\ndef f(x):\n    return 2 * pi\n"
    test = _asserts("candidate(1) == 2 * pi and sqrt(4) == 2")
    (verdict,) = judge([Program("t", code, test, "f")], workers=1, timeout=TIMEOUT, memory_mb=512)
    assert verdict.outcome == "passed", verdict


def test_a_call_changes_nothing_that_is_shared_or_cannot_change() -> None:
    speak = NODES["eval"].partition("give([")[0]
    programs = [
        Program(
            before,
            f"{speak}{RECORD}\ngive({answer})",
            f"{before}\ndef check(candidate):\n    assert {test}\n",
            "f",
        )
        for before, (answer, test) in TAKEN.items()
    ]
    verdicts = judge(programs, workers=1, timeout=TIMEOUT, memory_mb=512)
    assert {verdict.task_id: verdict.outcome for verdict in verdicts} == dict.fromkeys(
        TAKEN, "forbidden"
    )


def test_operators_in_containers_cross() -> None:
    """They can be called, and hold matrices alone."""
    code = """
from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from qiskit.quantum_info import SparsePauliOp
@dataclass
class Own:
    op: object
def f(kind):
    op = SparsePauliOp(["XZ"])
    pair = namedtuple("T", "op")(op)
    return {"tuple": pair, "space": SimpleNamespace(op=op), "own": Own(op)}[kind]
"""
    test = """
from qiskit.quantum_info import SparsePauliOp
def check(candidate):
    for kind in ("tuple", "space", "own"):
        assert candidate(kind).op == SparsePauliOp(["XZ"]), kind
"""
    (verdict,) = judge([Program("t", code, test, "f")], workers=1, timeout=TIMEOUT, memory_mb=512)
    assert verdict.outcome == "passed", verdict


def test_an_argument_changes_only_into_its_kind() -> None:
    """A change made in place reaches the test; one into another kind of thing does not."""
    test = (
        "def check(candidate):\n    numbers = [3, 1]\n    candidate(numbers)\n"
        "    assert numbers == [1, 3]\n"
    )
    sorts = "def f(x):\n    x.sort()\n"
    verdicts = judge(
        [
            Program("sorts", sorts, test, "f"),
            Program("other", MESSAGES["change_unknown"].replace("(5,", "(0,"), test, "f"),
            Program(
                "kind",
                NODES["eval"].replace("give([", "give(1, [0, ['dict', 0, []]])#["),
                test,
                "f",
            ),
        ],
        workers=1,
        timeout=TIMEOUT,
        memory_mb=512,
    )
    assert [v.outcome for v in verdicts] == ["passed", "wrong_answer", "forbidden"]


def test_two_programs_at_once_do_not_meet() -> None:
    programs = [Program(str(i), MEETING, TESTS["trivial"], "f") for i in range(2)]
    verdicts = judge(programs, workers=2, timeout=TIMEOUT, memory_mb=512)
    assert [verdict.outcome for verdict in verdicts] == ["wrong_answer"] * 2


def test_what_became_of_a_program_is_in_no_later_ones_memory() -> None:
    """Another sample of the same task could read there what its test expects."""
    test = f"def check(candidate):\n    assert candidate(1) == 2, {REMEMBERED!r}\n"
    told = Program("told", WRONG, test, "f")
    search = REMEMBERS.replace("EXPRESSION", "seen()")
    programs = [*[told] * 4, Program("search", search, TESTS["trivial"], "f")]
    verdicts = list(judge(programs, workers=1, timeout=TIMEOUT, memory_mb=512))
    assert all(REMEMBERED in verdict.detail for verdict in verdicts[:4])
    # There are no files of its memory to search.
    assert verdicts[4].outcome == "runtime_error"


def test_the_searches_find_a_test_where_there_is_one() -> None:
    """Or they would prove nothing where they find none."""
    codes = {name: SEARCHES[name] + "WORDS = ['known to the test alone']\n" for name in ("text",)}
    assert {verdict.outcome for verdict in judged(codes).values()} == {"passed"}
