"""Scratch directories outside the workspace, keyed by a hash of the run's inputs.

An interrupted run in the workspace, in a temporary directory or in the queue resumes there. A run
with other inputs has another directory.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ketune.runtime import StageError

_LOCK_TIMEOUT = 20.0  # seconds for the processes of a killed run to be gone


@dataclass(frozen=True)
class Scratch:
    """A directory and the descriptor of its lock, for child processes to hold as well."""

    path: Path
    lock: int


def run_key(determinants: dict[str, Any]) -> str:
    """The key of a run: SHA-256 of its inputs, 24 hex digits."""
    text = json.dumps(determinants, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def cache_directory() -> Path:
    """$KETUNE_CACHE, else ~/.cache/ketune."""
    return Path(os.environ.get("KETUNE_CACHE") or Path.home() / ".cache" / "ketune")


@contextmanager
def scratch_directory(stage: str, key: str) -> Iterator[Scratch]:
    """The scratch directory of one run, locked. It is removed when the block succeeds.

    Raises StageError when another process holds it.
    """
    root = cache_directory() / stage
    path, lock_path = root / key, root / f"{key}.lock"
    root.mkdir(parents=True, exist_ok=True)
    lock = _lock(lock_path, path)
    done = path.with_suffix(".done")
    try:
        shutil.rmtree(done, ignore_errors=True)
        path.mkdir(exist_ok=True)
        yield Scratch(path, lock)
        # At once: a run would resume from half a directory.
        path.rename(done)
        shutil.rmtree(done)
        lock_path.unlink()
    finally:
        os.close(lock)


def _lock(lock_path: Path, path: Path) -> int:
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while True:
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The holder before us may have removed the file that we opened.
            if lock_path.exists() and lock_path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise StageError(
                    f"{path}: another run of this configuration is using it; wait for it to end"
                ) from None
            time.sleep(0.2)
        os.close(descriptor)


def drop_half_line(path: Path) -> None:
    """Remove what follows the last newline of a file that a killed process was appending to."""
    if path.is_file() and not (content := path.read_bytes()).endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)
