"""A second line in the test's process, should a value ever be made to do something.

Nothing there is unpickled or imported from the scratch, and no file in it is opened but by what the
test itself calls. Where that looks for a file of the program's otherwise than by `files`, it cannot
be judged. See PEP 578: a hook stays for the life of the process.
"""

import contextlib
import errno
import functools
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from ketune.judge.inside import files
from ketune.judge.inside.failures import TEST
from ketune.judge.inside.opaque import Unjudgeable

_SCRATCH = "/tmp/"
_FILES = "/ketune/judge/inside/files.py"  # the `open` that the test's code has
_OWN = ("/ketune/judge/inside/", "<frozen importlib")
_LOOKS = {"open", "os.listdir", "os.scandir", "os.rename", "shutil.copyfile"}
_CHANGES = {"os.mkdir": files.make_directory, "shutil.rmtree": files.remove_tree}
_own_work = threading.local()


def install(report: Callable[[str], None]) -> None:
    """Begin to guard this process, for good; `report` is told what cannot be judged."""
    files.install()
    sys.addaudithook(functools.partial(_hook, report))


def _hook(report: Callable[[str], None], event: str, arguments: tuple[Any, ...]) -> None:
    if event == "pickle.find_class":
        raise PermissionError(errno.EPERM, "the test's process reads no pickles of objects")
    if event not in {*_LOOKS, *_CHANGES, "ctypes.dlopen"}:
        return
    path = arguments[0]
    if (
        getattr(_own_work, "on", False)
        or not isinstance(path, str | bytes | os.PathLike)
        or not _in_scratch(path)
    ):
        return
    if not _by_test():
        if event in {"open", "ctypes.dlopen"}:
            raise PermissionError(errno.EPERM, "the test's process reads no file of the program's")
    elif not sys._getframe(1).f_code.co_filename.endswith(_FILES):
        _look(report, event, path)


def _look(report: Callable[[str], None], event: str, path: Any) -> None:
    """The test looks at a path by itself, which leads to no file of the program's."""
    _own_work.on = True
    try:
        if event in _CHANGES:
            with contextlib.suppress(OSError):
                _CHANGES[event](path)
        unseen = event in _LOOKS and files.is_unseen(path)
    finally:
        _own_work.on = False
    if unseen:
        what = f"a file of the program's that the test does not open itself ({event})"
        report(what)
        raise Unjudgeable(what)


def _in_scratch(path: Any) -> bool:
    return (os.path.realpath(os.fsdecode(path)) + "/").startswith(_SCRATCH)


def _by_test() -> bool:
    """Whether the test's own code called what opens a file, other than to import it."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name == TEST:
            return True
        if any(own in name for own in _OWN) and not name.endswith(_FILES):
            return False
        frame = frame.f_back  # type: ignore[assignment]
    return False
