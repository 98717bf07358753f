"""What an exception of a program or its test says about the program."""

import errno
import re
import socket
from dataclasses import dataclass

from ketune.judge.inside.opaque import Unjudgeable

SOLUTION, TEST = "<solution>", "<test>"
# What a call of the program may have come to, as its own process says.
_CLAIMS = {"runtime_error", "forbidden", "out_of_memory", "wrong_answer"}
_DETAIL = 300
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_PATH = re.compile(r"(?<![\w:/.])(?:/[\w.+-]+){2,}")

# What a program gets when the isolation refuses: no such right, read-only file system, no network,
# no space left, file too large, no more processes.
_REFUSALS = {"EPERM", "EACCES", "EROFS", "ENETUNREACH", "ENETDOWN", "ENOSPC", "EFBIG", "EAGAIN"}


@dataclass
class Ended(Exception):
    """The program is over."""

    outcome: str
    detail: str


def solution_failure(error: BaseException) -> tuple[str, str]:
    """Outcome and detail of what a program raised."""
    if isinstance(error, MemoryError):
        return "out_of_memory", describe(error)
    if isinstance(error, Unjudgeable):
        return not_judged(str(error))
    return "forbidden" if _refused(error) else "runtime_error", describe(error)


def check_failure(error: BaseException) -> tuple[str, str]:
    """Outcome and detail of what a test raised itself or a call of the program came back with."""
    judged: tuple[str, str] | None = getattr(error, "judged", None)
    if judged is not None:
        return judged if judged[0] in _CLAIMS else ("forbidden", f"the outcome {judged[0]!r}")
    if isinstance(error, AssertionError):
        return "wrong_answer", describe(error)
    return solution_failure(error)


def not_judged(what: str) -> tuple[str, str]:
    """Outcome and detail of a use of a value that could not cross."""
    return "forbidden", one_line(f"this type cannot be judged: {what}")


def describe(error: BaseException) -> str:
    """Type and first line of the message, without what differs between runs or machines."""
    try:
        message = str(error).strip()
    except BaseException:  # a program's own exception may fail to print
        message = ""
    first = one_line(message)
    first = _PATH.sub(lambda match: match[0].rpartition("/")[2], _ADDRESS.sub("0x…", first))
    if isinstance(error, AssertionError):
        where = _test_line(error)
        first = first or (f"assertion at line {where} of the test" if where else "")
    name = type(error).__name__
    return one_line(f"{name}: {first}" if first else name)


def one_line(text: str) -> str:
    """Its first line, short, and such as any file or terminal takes: the program may choose it."""
    first = next(iter(text[: 10 * _DETAIL].splitlines()), "")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in first)[:_DETAIL]


def _refused(error: BaseException) -> bool:
    """Whether the error, or one that led to it, is the isolation's refusal."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, socket.gaierror):
            return True
        if isinstance(current, OSError) and errno.errorcode.get(current.errno or 0) in _REFUSALS:
            return True
        current = current.__cause__ or current.__context__
    return False


def _test_line(error: BaseException) -> int | None:
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == TEST:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
