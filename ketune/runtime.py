"""What every stage shares: one-line errors, atomic outputs, provenance."""

import errno
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

_FULL = "free space, or set KETUNE_CACHE to another disk, and run the same command to go on"
_FORBIDDEN = "make it writable; caches move with KETUNE_CACHE, HF_HOME and MODELSCOPE_CACHE"
_REMEDIES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
    errno.ENOTDIR: _FORBIDDEN,
}


class StageError(Exception):
    """A failure the user can act on: one line naming the cause and the remedy."""


def stage_main(main: Callable[[], None]) -> None:
    """Run a stage; turn a StageError into one line on stderr and exit status 1."""
    try:
        main()
    except StageError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        where = f" at {error.filename}" if error.filename else ""
        print(f"error: {error.strerror}{where}; {_REMEDIES[error.errno]}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None


@contextmanager
def atomic_open(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path` and rename it there when the block succeeds.

    A failure inside the block leaves whatever `path` held before and no temporary file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        os.fchmod(descriptor, 0o644)
        text = "b" not in mode
        with os.fdopen(
            descriptor, mode, encoding="utf-8" if text else None, newline="\n" if text else None
        ) as file:
            yield file
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """An empty directory that takes the place of `target` when the block succeeds.

    When it fails, `target` is as it was.
    """
    fresh, old = (target.with_name(f".{target.name}.{suffix}") for suffix in ("new", "old"))
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def link_directory(link: Path, directory: Path | None) -> None:
    """Let an output be a link to a directory, through which DVC sees edits of its files.

    None: a file that never changes stands in its place.
    Raises StageError naming what of the directory DVC does not see, or does not take.
    """
    if directory is not None:
        _check_visible(directory)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    if directory is None:
        link.write_text("no local directory\n")
    elif directory.is_absolute():
        link.symlink_to(directory)
    else:
        link.symlink_to(os.path.relpath(directory, link.parent))


def _check_visible(directory: Path) -> None:
    for folder, folders, files in os.walk(directory):
        for path in (Path(folder, name) for name in [*folders, *files]):
            if path.name == ".dvcignore":
                problem = "DVC takes no directory with such a file; remove it"
            elif not path.is_symlink():
                continue
            elif not path.exists():
                problem = "the link leads nowhere; mend or remove it"
            elif path.is_dir() and not path.resolve().is_relative_to(directory.resolve()):
                problem = "DVC does not see edits behind a link to a directory; put a copy here"
            else:
                continue
            raise StageError(f"{path}: {problem}")


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON with a final newline, atomically.

    Raises ValueError on NaN or infinity: DVC and most JSON readers reject them.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_open(path) as file:
        file.write(text + "\n")


def fingerprint(name: str, digest: str) -> str:
    """A thing in at most 19 characters, so that two of them fit a line of `dvc metrics diff`."""
    return f"{name[:11]}@{digest[:7]}"


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object that a stage wrote. Raises StageError where it is missing or damaged."""
    if not path.is_file():
        raise StageError(f"{path} not found; run the stage that makes it (dvc repro)")
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:  # of JSON, or of UTF-8
        raise StageError(f"{path}: not JSON ({error}); run the stage that wrote it again") from None
    if not isinstance(value, dict):
        raise StageError(f"{path}: not a JSON object; run the stage that wrote it again")
    return value


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read a JSON Lines file. Raises StageError naming the file and line that does not parse."""
    rows = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                rows.append(json.loads(line.decode()))
            except (ValueError, RecursionError) as error:  # of JSON, or of UTF-8
                raise StageError(
                    f"{path}:{number}: not JSON ({error}); re-run the stage that wrote it"
                ) from None
    return rows


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in chunks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of `packages`, and Python's, for a stage's provenance."""
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
