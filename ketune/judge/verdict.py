"""What goes into the judge and what comes out."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal[
    "passed",
    "wrong_answer",
    "runtime_error",
    "syntax_error",
    "missing_entry_point",
    "timeout",
    "out_of_memory",
    "forbidden",
    "no_code",
    "judge_error",
]


class JudgeUnavailable(Exception):
    """The isolation cannot be set up. One line: what failed, what to install or enable."""


@dataclass(frozen=True)
class Program:
    """A complete module and the test it must satisfy.

    `test` defines `check(candidate)`, functions named `test_*`, or both. `entry_point` names the
    object of `code` passed to `check`; "" where the test needs none (`check` then gets None).
    `context` is trusted source whose names the test may use, as a stub's imports and helpers.
    `timeout` (seconds) takes the place of the call's.
    """

    task_id: str
    code: str
    test: str
    entry_point: str
    context: str = ""
    timeout: float | None = None


@dataclass(frozen=True)
class Verdict:
    """The outcome of one program.

    `detail` is a short single line (at most 300 characters) without addresses or directories, ""
    for passed; `seconds` is the wall time of the program and its test.
    """

    task_id: str
    outcome: Outcome
    detail: str
    seconds: float
