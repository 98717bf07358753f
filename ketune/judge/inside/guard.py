"""A second line in the test's process, should a value ever be made to do something.

Nothing there is unpickled or imported from the scratch, and no file in it is opened but by what the
test itself calls. See PEP 578: a hook stays for the life of the process.
"""

import errno
import os
import sys
from typing import Any

from ketune.judge.inside.failures import TEST

_SCRATCH = "/tmp/"
_OPEN = "/ketune/judge/inside/files.py"  # the `open` that the test's code has
_OWN = ("/ketune/judge/inside/", "<frozen importlib")


def install() -> None:
    """Begin to guard this process, for good."""
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "pickle.find_class":
        raise PermissionError(errno.EPERM, "the test's process reads no pickles of objects")
    if event in {"open", "ctypes.dlopen"}:
        path = arguments[0]
        if isinstance(path, str | bytes | os.PathLike) and _in_scratch(path) and not _by_test():
            raise PermissionError(errno.EPERM, "the test's process reads no file of the program's")


def _in_scratch(path: Any) -> bool:
    return (os.path.realpath(os.fsdecode(path)) + "/").startswith(_SCRATCH)


def _by_test() -> bool:
    """Whether the test's own code called what opens a file, other than to import it."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name == TEST:
            return True
        if any(own in name for own in _OWN) and not name.endswith(_OPEN):
            return False
        frame = frame.f_back  # type: ignore[assignment]
    return False
