"""Verdicts survive whatever ends a run, and no other program ever gets them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ketune.judge import Outcome, Program, Verdict
from ketune.runtime import StageError
from ketune.verdicts import judging as verdicts
from ketune.verdicts.judging import judged
from tests.completions.test_scoring import PARAMS


class Killed(BaseException):
    """The process is gone."""


class FakeJudge:
    """Passes every program; ends the process after `remaining` verdicts. Counts executions."""

    def __init__(self) -> None:
        self.remaining = 10**6
        self.executed: list[str] = []
        self.outcome: Outcome = "passed"

    def __call__(self, programs: Sequence[Program], **_: Any) -> Iterator[Verdict]:
        for program in programs:
            if self.remaining == 0:
                raise Killed
            self.remaining -= 1
            self.executed.append(program.code)
            yield Verdict(program.task_id, self.outcome, f"ran {program.code}", 0.5)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeJudge:
    monkeypatch.setenv("KETUNE_CACHE", str(tmp_path / "cache"))
    fake = FakeJudge()
    monkeypatch.setattr(verdicts, "judge", fake)
    return fake


def programs(count: int) -> list[Program]:
    return [Program(f"b/{i}", f"code {i}", "test", "f", timeout=9.0) for i in range(count)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kills=st.lists(st.integers(0, 7), max_size=4), runs=st.integers(1, 2))
def test_a_run_killed_anywhere_executes_nothing_twice(
    fake: FakeJudge, kills: list[int], runs: int
) -> None:
    fake.executed.clear()
    for kill in kills:
        fake.remaining = kill
        try:
            with judged(programs(5), PARAMS, "judge x", runs):
                raise Killed
        except Killed:
            pass
    fake.remaining = 10**6
    with judged(programs(5), PARAMS, "judge x", runs) as found:
        assert (
            found == [[Verdict(f"b/{i}", "passed", f"ran code {i}", 0.5) for i in range(5)]] * runs
        )
    assert sorted(fake.executed) == sorted([f"code {i}" for i in range(5)] * runs)


def test_verdicts_go_when_the_block_succeeds(fake: FakeJudge, tmp_path: Path) -> None:
    for _ in range(2):
        with judged(programs(3), PARAMS, "judge x"):
            pass
    assert len(fake.executed) == 6
    assert list((tmp_path / "cache" / "judge").iterdir()) == []


@pytest.mark.parametrize(
    "other",
    [
        {"code": "code 9"},
        {"test": "another test"},
        {"timeout": 10.0},
        {"context": "import os"},
    ],
)
def test_another_program_gets_no_old_verdict(fake: FakeJudge, other: dict[str, Any]) -> None:
    first = programs(1)[0]
    with pytest.raises(Killed), judged([first], PARAMS, "judge x"):
        raise Killed
    with judged([Program(**{**vars(first), **other})], PARAMS, "judge x"):
        pass
    assert len(fake.executed) == 2


def test_a_half_written_verdict_is_executed_again(fake: FakeJudge, tmp_path: Path) -> None:
    with pytest.raises(Killed), judged(programs(3), PARAMS, "judge x"):
        raise Killed
    (journal,) = (tmp_path / "cache" / "judge").glob("*/run-0.jsonl")
    journal.write_bytes(journal.read_bytes()[:-20])
    with judged(programs(3), PARAMS, "judge x") as (found,):
        assert [v.task_id for v in found] == ["b/0", "b/1", "b/2"]
    assert fake.executed.count("code 2") == 2
    assert len(fake.executed) == 4


def test_equal_programs_are_executed_once(fake: FakeJudge) -> None:
    with judged([*programs(2), *programs(2)], PARAMS, "judge x") as (found,):
        assert [v.task_id for v in found] == ["b/0", "b/1", "b/0", "b/1"]
    assert len(fake.executed) == 2


def test_a_failure_of_the_judge_is_named_and_not_kept(fake: FakeJudge) -> None:
    fake.outcome = "judge_error"
    with (
        pytest.raises(StageError, match=r"judge x: the judge failed on b/0 \(ran code 0\)"),
        judged(programs(2), PARAMS, "judge x"),
    ):
        pass
    fake.outcome = "passed"
    with judged(programs(2), PARAMS, "judge x") as (found,):
        assert {v.outcome for v in found} == {"passed"}
