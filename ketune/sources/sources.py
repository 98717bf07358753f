"""What `data.source` may be, and how its rows come into data/raw.

- `synthetic`: the project's own generator.
- A local directory: anything that starts with `.`, `/` or `~`, has more than one `/`, or exists.
  It holds parquet files `{split}-*.parquet`, flat or in data/, or is what
  `DatasetDict.save_to_disk` wrote.
- A hub id, `name` or `org/name`: everything else. A mistyped relative path such as `my/data` is
  therefore taken for a hub id; the error says so.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from ketune.runtime import StageError
from ketune.sources.raw import check_columns, parquet_batches, readable, write_split
from ketune.tasks.kinds import SPLITS, Split

_BATCH_ROWS = 64
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.parquet$")

# Continuation marker and a metadata length of 0: the Arrow IPC streaming format.
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


@dataclass(frozen=True)
class Located:
    """Where a source's rows lie: its files by split, in order.

    `root` bounds which image files rows may name; None means none (rows of a hub dataset embed
    theirs, and must not pick files of this machine). `commit` is what a hub dataset's `revision`
    names.
    """

    files: dict[Split, list[Path]]
    root: Path | None
    revision: str | None = None
    commit: str | None = None


def is_local(source: str) -> bool:
    """Whether `source` names a directory rather than a hub id (see the module's rules)."""
    return source.startswith((".", "/", "~")) or source.count("/") > 1 or Path(source).exists()


def locate_directory(source: str) -> Located:
    """The split files of a local dataset directory.

    Raises StageError: no such directory, a file, a missing split or shard.
    """
    directory = Path(source).expanduser()
    if not directory.is_dir():
        problem = "is a file" if directory.exists() else "no such directory"
        raise StageError(
            f"data.source {source!r}: {problem}; give a directory of "
            "{split}-*.parquet files or one that save_to_disk wrote, or a hub id org/name"
        )
    if (directory / "state.json").is_file():
        raise StageError(
            f"data.source {source!r} holds a single split; save a DatasetDict of "
            f"{', '.join(SPLITS)}"
        )
    if (directory / "dataset_dict.json").is_file():
        return _locate_arrow(directory)
    names = [path.relative_to(directory).as_posix() for path in directory.glob("*.parquet")]
    names += [path.relative_to(directory).as_posix() for path in directory.glob("data/*.parquet")]
    chosen = select_files(names, str(directory))
    files = {split: [directory / name for name in chosen[split]] for split in SPLITS}
    return Located(files, directory)


def locate_hub(source: str, revision: str) -> Located:
    """The split files of a hub dataset, downloaded. Raises StageError as `hub.download` does."""
    # Imported here: the library takes a second that the other sources need not wait.
    from ketune.sources.hub import download  # noqa: PLC0415

    commit, files = download(source, revision, select_files)
    return Located(files, None, revision, commit)


def write_raw(directory: Path, located: Located) -> dict[Split, int]:
    """Write data/raw's parquet files from located files; return the rows of each split.

    Raises StageError naming the file that is damaged, lacks a column or has no rows.
    """
    rows: dict[Split, int] = {}
    for split in SPLITS:
        batches = (batch for path in located.files[split] for batch in _batches(path))
        rows[split] = write_split(
            directory, split, batches, lambda name: _read_image(located.root, name)
        )
        if not rows[split]:
            raise StageError(f"{located.files[split][0]}: split {split} has no rows")
    return rows


def select_files(names: Iterable[str], where: str) -> dict[Split, list[str]]:
    """Files of each split among `names` (relative, `/`-separated), in order of their shards.

    Raises StageError naming `where`: a split without files, or with some of its shards missing.
    """
    known = sorted(set(names))
    chosen: dict[Split, list[str]] = {}
    for split in SPLITS:
        found = [name for name in known if _belongs(PurePosixPath(name), split)]
        if not found:
            raise StageError(
                f"{where}: no {split}-*.parquet, flat or in data/; "
                f"a dataset has the splits {', '.join(SPLITS)}"
            )
        _check_shards(found, f"{where}: {split}")
        chosen[split] = found
    return chosen


def _belongs(name: PurePosixPath, split: Split) -> bool:
    return str(name.parent) in {".", "data"} and name.match(f"{split}-*.parquet")


def _check_shards(names: list[str], where: str) -> None:
    folders = {str(PurePosixPath(name).parent) for name in names}
    if len(folders) > 1:
        raise StageError(f"{where} has files both flat and in data/; keep one set")
    shards = [match.groups() for name in names if (match := _SHARD.search(name))]
    totals = {int(total) for _, total in shards}
    if len(totals) > 1:
        raise StageError(f"{where} mixes files of {sorted(totals)} shards; keep one set")
    if totals and len(shards) != (total := totals.pop()):
        raise StageError(f"{where} has {len(shards)} of {total} shards; copy the others too")


def _locate_arrow(directory: Path) -> Located:
    files: dict[Split, list[Path]] = {}
    for split in SPLITS:
        folder = directory / split
        state = folder / "state.json"
        if not state.is_file():
            raise StageError(
                f"{directory}: no split {split}; a dataset has the splits {', '.join(SPLITS)}"
            )
        names = [entry["filename"] for entry in _read_json(state)["_data_files"]]
        files[split] = [folder / name for name in names]
    return Located(files, directory)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StageError(f"{path}: not readable JSON ({error}); save the dataset again") from None
    return value


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        yield from parquet_batches(path, _BATCH_ROWS)
        return
    with readable(path), pa.memory_map(os.fspath(path)) as source:
        # A stream cut between two batches reads without complaint, a few rows short.
        if source.size() < len(_END_OF_STREAM) or not _ends_with(source, _END_OF_STREAM):
            raise pa.ArrowInvalid("the end of the stream is missing")
        reader = pa.ipc.open_stream(source)
        check_columns(reader.schema, path)
        yield from reader


def _ends_with(file: pa.NativeFile, ending: bytes) -> bool:
    return bytes(file.read_at(len(ending), file.size() - len(ending))) == ending


def _read_image(root: Path | None, name: str) -> bytes | None:
    """Bytes of an image file inside `root`; None (refused later, with its row) otherwise."""
    if root is None:
        return None
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        return None
    return path.read_bytes()
