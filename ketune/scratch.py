"""Scratch directories outside the workspace, keyed by a hash of the run's inputs.

An interrupted run in the workspace, in a temporary directory or in the queue resumes there; a run
of any other configuration has another directory. What no run took up again goes in time.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from ketune.runtime import StageError

_LOCK_TIMEOUT = 20.0  # seconds for the processes of a killed run to be gone
_MOST_DAYS = 30.0  # since an interrupted run last wrote, before it is removed
_MOST_BYTES = 64 * 2**30  # of all interrupted runs
_SMALL = 2**20  # bytes: a run that frees no space is left, as a journal of paid answers
_KEY = re.compile(r"[0-9a-f]{24}(-node\d+)?")
_DONE = ".done"  # of a directory that is being removed


@dataclass(frozen=True)
class Scratch:
    """A directory and the descriptor of its lock, for child processes to hold as well."""

    path: Path
    lock: int


@dataclass(frozen=True)
class Run:
    """What lies in the cache of a run: its bytes, and the days since it last wrote.

    One that is not `under_way` was interrupted.
    """

    path: Path
    size: int
    days: float
    under_way: bool

    def __str__(self) -> str:
        name = f"{self.path.parent.name}/{self.path.name}"
        return f"{name}: {self.size / 2**20:,.1f} MiB, {self.days:.1f} days old"


def run_key(determinants: dict[str, Any]) -> str:
    """The key of a run: SHA-256 of its inputs, 24 hex digits."""
    text = json.dumps(determinants, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def cache_directory() -> Path:
    """$KETUNE_CACHE, else ~/.cache/ketune. Raises StageError where there is no home."""
    try:
        return Path(os.environ.get("KETUNE_CACHE") or Path.home() / ".cache" / "ketune")
    except RuntimeError:
        raise StageError("this user has no home directory; set KETUNE_CACHE to one") from None


@contextmanager
def writing_cache() -> Iterator[None]:
    """Turn an OSError of the block into a StageError that names the cache and its variable."""
    try:
        yield
    except OSError as error:
        where = error.filename or cache_directory()
        raise StageError(
            f"{where}: the cache cannot be written ({error.strerror}); set KETUNE_CACHE to a "
            "directory that can be, with space"
        ) from None


@contextmanager
def scratch_directory(stage: str, key: str) -> Iterator[Scratch]:
    """The scratch directory of one run, locked. It is removed when the block succeeds.

    Removes interrupted runs over the limits (see `over_limits`), and says so.

    Raises StageError when another process holds it, or the cache cannot be written.
    """
    path = cache_directory() / stage / key
    with writing_cache():
        path.parent.mkdir(parents=True, exist_ok=True)
        for run in over_limits(runs_in_cache()):
            if run.path != path and remove(run.path):
                print(f"removed what an interrupted run left: {run}", flush=True)
        lock = _lock(path)
        os.utime(lock)
    try:
        with writing_cache():
            shutil.rmtree(path.with_suffix(_DONE), ignore_errors=True)
            path.mkdir(exist_ok=True)
            with TemporaryFile(dir=path) as probe:  # another user's, or a full disk
                probe.write(b"\0")
        yield Scratch(path, lock)
        _discard(path)
    finally:
        os.close(lock)


def runs_in_cache() -> list[Run]:
    """Runs under way and interrupted ones, the oldest first."""
    runs = []
    for parent in sorted(cache_directory().glob("*/")):
        with suppress(PermissionError):  # another user's
            names = {path.name.split(".")[0] for path in parent.iterdir()}
            runs += [_run(parent / name) for name in names if _KEY.fullmatch(name)]
    return sorted(runs, key=lambda run: (-run.days, run.path))


def _run(path: Path) -> Run:
    size, last = 0, 0.0
    lock_path = path.with_suffix(".lock")
    for part in (path, path.with_suffix(_DONE), lock_path):
        for file in (part, *part.rglob("*")):
            with suppress(FileNotFoundError):  # a run under way may end
                status = file.lstat()
                size, last = size + status.st_size, max(last, status.st_mtime)
    under_way = False
    if lock_path.exists():
        lock = _try_lock(path)
        under_way = lock is None
        if lock is not None:
            os.close(lock)
    return Run(path, size, (time.time() - last) / 86400, under_way)


def over_limits(runs: list[Run]) -> list[Run]:
    """Of the interrupted runs those older than 30 days, and the oldest until 64 GiB are left."""
    total = sum(run.size for run in runs)
    over = []
    for run in runs:
        large = total > _MOST_BYTES and run.size >= _SMALL
        if not run.under_way and (run.days > _MOST_DAYS or large):
            over.append(run)
            total -= run.size
    return over


def remove(path: Path) -> bool:
    """Remove what an interrupted run left, unless a run holds it or it is another user's."""
    with suppress(OSError):
        lock = _try_lock(path)
        if lock is not None:
            try:
                _discard(path)
            finally:
                os.close(lock)
            return True
    return False


def _discard(path: Path) -> None:
    """Remove a directory and its lock, which the caller holds."""
    done = path.with_suffix(_DONE)
    if path.exists():
        # At once: half a directory would be taken for a run to go on from.
        path.rename(done)
    if done.exists():
        shutil.rmtree(done)
    path.with_suffix(".lock").unlink()


def _lock(path: Path) -> int:
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while (descriptor := _try_lock(path)) is None:
        if time.monotonic() > deadline:
            raise StageError(
                f"{path}: another run of this configuration is using it; wait for it to end"
            )
        time.sleep(0.2)
    return descriptor


def _try_lock(path: Path) -> int | None:
    """The descriptor of a directory's lock, None while another process holds it."""
    lock_path = path.with_suffix(".lock")
    descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The holder before us may have removed the file that we opened.
        if lock_path.exists() and lock_path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def drop_half_line(path: Path) -> None:
    """Remove what follows the last newline of a file that a killed process was appending to."""
    if path.is_file() and not (content := path.read_bytes()).endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)
