"""Files of the program, for the test's own code alone.

No path of the test's process leads to what the program wrote: it is there as a directory descriptor
only (`confine.SCRATCH`). So no library can be made to load it, whatever path the program hands out.
The test's own `open`, `Path.read_text` and the like, and questions whether a file is there, go by
that descriptor; a directory that the test makes is made there too, for the program to write to.
"""

import contextlib
import functools
import io
import os
import pathlib
import posixpath
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ketune.judge.inside import confine
from ketune.judge.inside.failures import TEST

_ROOT = "/tmp"
_open = open
_stat = os.stat


def install() -> None:
    """Have functions of `os` and `pathlib` find the program's files, for good."""
    os.stat = _or_programs(os.stat, _told)
    os.lstat = _or_programs(os.lstat, _told)
    os.remove = _or_programs(os.remove, os.unlink)
    os.unlink = _or_programs(os.unlink, os.unlink)
    io.open = _open_of_path


def open_scratch(file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
    """`open` as a test names it: what lies in /tmp is the program's, a regular file reached
    through no symbolic link. Raises OSError."""
    parts = _parts(file)
    if not parts:
        return _open(file, mode, *arguments, **keywords)
    keywords["opener"] = lambda _, flags: _open_at(parts, flags)
    return _open(file, mode, *arguments, **keywords)


def is_unseen(path: Any) -> bool:
    """Whether the program wrote what the test's process does not see at `path`: a file, or files of
    a directory."""
    parts = _parts(path)
    if parts is None:
        return False
    try:
        # The scratch's own descriptor is of a place alone and cannot be listed.
        with _parent([*parts, ".", ""]) as (at, _):
            there = set(os.listdir(at))  # noqa: PTH208
    except NotADirectoryError:
        there = {""}
    except OSError:
        return False
    try:
        own = set(os.listdir(path))  # noqa: PTH208
    except NotADirectoryError:
        return False
    except OSError:
        return bool(there)
    return bool(there - own)


def make_directory(path: Any) -> None:
    """Make a directory of the test's for the program too. Raises OSError."""
    if parts := _parts(path):
        with _parent(parts) as (at, name):
            os.mkdir(name, dir_fd=at)


def remove_tree(path: Any) -> None:
    """Remove a directory and all in it from the scratch too. Raises OSError."""
    if parts := _parts(path):
        with _parent(parts) as (at, name):
            shutil.rmtree(name, dir_fd=at)


def _parts(path: Any) -> list[str] | None:
    """Names that lead from the scratch to `path`, None where it is no path of a file in there."""
    if not isinstance(path, str | bytes | os.PathLike):
        return None
    whole = posixpath.abspath(os.fsdecode(path))
    if whole != _ROOT and not whole.startswith(f"{_ROOT}/"):
        return None
    return whole.removeprefix(_ROOT).strip("/").split("/") if whole != _ROOT else []


@contextlib.contextmanager
def _parent(parts: list[str]) -> Iterator[tuple[int, str]]:
    """The directory of the scratch that holds what `parts` lead to, and its name there. Raises
    OSError, for a symbolic link too."""
    *directories, name = parts
    at = os.dup(confine.SCRATCH)
    try:
        for directory in directories:
            inner = os.open(directory, os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        yield at, name
    finally:
        os.close(at)


def _open_at(parts: list[str], flags: int) -> int:
    with _parent(parts) as (at, name):
        # A queue in place of a file would make the test wait for ever.
        found = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600, dir_fd=at)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(f"{name} is no regular file")
    return found


def _told(name: str, *, dir_fd: int) -> os.stat_result:
    found = _stat(name, dir_fd=dir_fd, follow_symlinks=False)
    if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):
        return found
    raise FileNotFoundError(name)


def _or_programs(function: Any, there: Callable[..., Any]) -> Any:
    """`function` of a path; where there is no such file, what `there` tells of the program's."""

    @functools.wraps(function)
    def of(path: Any, **keywords: Any) -> Any:
        try:
            return function(path, **keywords)
        except FileNotFoundError:
            parts = None if keywords.get("dir_fd") is not None else _parts(path)
            if not parts:
                raise
            with contextlib.suppress(OSError), _parent(parts) as (at, name):
                return there(name, dir_fd=at)
            raise

    return of


def _open_of_path(file: Any, *arguments: Any, **keywords: Any) -> Any:
    """`io.open`; as `open_scratch` where the test's code called a method of a path."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename == pathlib.__file__ and frame.f_back:
        frame = frame.f_back
    its = frame.f_code.co_filename == TEST and isinstance(file, pathlib.PurePath)
    return (open_scratch if its else _open)(file, *arguments, **keywords)
