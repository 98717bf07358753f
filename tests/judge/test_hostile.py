"""What a hostile completion may try, and that the run goes on."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.judge import Program, Verdict, judge

from .hostile import DAEMON, FORGERIES, TEST, escapes

REPOSITORY = Path(__file__).parents[2]
HONEST = "def f(x):\n    return x + 1\n"
TIMEOUT = 4.0


@pytest.fixture(scope="module")
def listener() -> Iterator[int]:
    """A port of this machine that accepts connections, also as an abstract socket."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        port = server.getsockname()[1]
        local.bind(f"\0ketune-{port}")
        local.listen()
        yield port


def judged(codes: dict[str, str]) -> dict[str, Verdict]:
    programs = [Program(name, code, TEST, "f") for name, code in codes.items()]
    return {v.task_id: v for v in judge(programs, workers=2, timeout=TIMEOUT, memory_mb=512)}


def test_forgeries_get_the_outcome_they_deserve() -> None:
    codes = {name: code for name, (code, _) in FORGERIES.items()}
    judged({"warm": HONEST})
    start = time.monotonic()
    verdicts = judged(codes | {"honest": HONEST})
    assert time.monotonic() - start < 120
    wrong = {
        name: verdicts[name]
        for name, (_, right) in FORGERIES.items()
        if verdicts[name].outcome not in right
    }
    assert not wrong
    assert verdicts["honest"].outcome == "passed"
    assert all(v.seconds < TIMEOUT + 2 for v in verdicts.values())


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
    verdicts = judged(leaver | attempts | {"honest": HONEST})
    assert verdicts.pop("leaver").outcome == "passed"
    assert verdicts.pop("honest").outcome == "passed"
    expected = {"forbidden", "runtime_error"}
    assert {n: v for n, v in verdicts.items() if v.outcome not in expected} == {}
    for name in ("writes_root", "connects", "resolves", "memory_file", "large_file"):
        assert verdicts[name].outcome == "forbidden", verdicts[name]


def test_no_process_outlives_its_task() -> None:
    seconds = str(10**6 + os.getpid())
    verdict = judged({"daemon": DAEMON.format(seconds=seconds)})["daemon"]
    assert verdict.outcome == "wrong_answer"
    commands = [path.read_bytes() for path in _command_lines()]
    assert not [line for line in commands if seconds.encode() in line]


def _command_lines() -> Iterator[Path]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            path.read_bytes()
        except OSError:
            continue
        yield path
