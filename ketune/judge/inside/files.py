"""Files of the program, for the test's own code alone.

No path of the test's process leads to what the program wrote: it is there as a directory descriptor
only (`confine.SCRATCH`). So no library can be made to load it, whatever path the program hands out.
"""

import os
import posixpath
import stat
from typing import Any

from ketune.judge.inside import confine

_ROOT = "/tmp"


def open_scratch(file: Any, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
    """`open` as a test names it: what lies in /tmp is the program's, a regular file reached
    through no symbolic link. Raises OSError."""
    if not isinstance(file, str | bytes | os.PathLike):
        return open(file, mode, *arguments, **keywords)  # noqa: PTH123
    path = posixpath.normpath(posixpath.join(_ROOT, os.fsdecode(file)))
    if not path.startswith(f"{_ROOT}/"):
        return open(file, mode, *arguments, **keywords)  # noqa: PTH123
    parts = path.removeprefix(f"{_ROOT}/").split("/")
    keywords["opener"] = lambda _, flags: _descend(parts, flags)
    return open(file, mode, *arguments, **keywords)  # noqa: PTH123


def _descend(parts: list[str], flags: int) -> int:
    *directories, name = parts
    at = os.dup(confine.SCRATCH)
    try:
        for directory in directories:
            inner = os.open(directory, os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        # A queue in place of a file would make the test wait for ever.
        found = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600, dir_fd=at)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(f"{name} is no regular file")
    return found
