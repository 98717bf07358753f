"""What `data.source` may be, and how its rows come into data/raw.

- `synthetic`: the project's own generator.
- A local directory: anything that starts with `.`, `/` or `~`, has more than one `/`, or exists.
  It holds parquet files `{split}-*.parquet`, flat or in data/, or is what
  `DatasetDict.save_to_disk` wrote.
- A hub id, `name` or `org/name`: everything else. A mistyped relative path such as `my/data` is
  therefore taken for a hub id; the error says so.
"""

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa

from ketune.runtime import StageError, file_sha256
from ketune.sources.columns import canonical_batches
from ketune.sources.files import arrow_batches, parquet_batches
from ketune.sources.raw import write_split
from ketune.tasks.kinds import SPLITS, Split

# As `push_to_hub` names shards; older versions of it append a fingerprint.
_SHARD = re.compile(r"-(\d+)-of-(\d+)(?:-[0-9a-f]+)?\.parquet$")
# As browsers and file managers name a second copy, in any language.
_COPY = re.compile(r"(?: ?\(\d+\)| - \w+| copy)(?: ?\(?\d+\)?)?\.parquet$")
# Beyond any picture that is decoded (MAX_PIXELS), below what would fill the memory.
_MAX_IMAGE_BYTES = 256 * 2**20


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


def resolve_directory(source: str) -> Path:
    """The directory that a local source names. Raises StageError: no such directory, a file."""
    directory = Path(source).expanduser()
    if not directory.is_dir():
        problem = "is a file" if directory.exists() else f"no such directory in {Path.cwd()}"
        raise StageError(
            f"data.source {source!r}: {problem}; give a directory of "
            "{split}-*.parquet files or one that save_to_disk wrote, or a hub id org/name"
        )
    return directory


def locate_directory(source: str) -> Located:
    """The split files of a local dataset directory.

    Raises StageError: no such directory, a file, a missing split or shard, rows in both forms.
    """
    directory = resolve_directory(source)
    names = [
        path.relative_to(directory).as_posix()
        for pattern in ("*", "data/*")
        for path in directory.glob(pattern)
    ]
    if (directory / "state.json").is_file():
        raise StageError(
            f"data.source {source!r} holds a single split; save a DatasetDict of "
            f"{', '.join(SPLITS)}"
        )
    if (directory / "dataset_dict.json").is_file():
        if both := [name for name in names if any(_belongs(name, split) for split in SPLITS)]:
            raise StageError(
                f"{directory}: has what save_to_disk wrote and {min(both)!r}; keep one of the two"
            )
        return _locate_arrow(directory)
    chosen = select_files(names, str(directory))
    files = {split: [directory / name for name in chosen[split]] for split in SPLITS}
    return Located(files, directory)


def locate_hub(source: str, revision: str) -> Located:
    """The split files of a hub dataset, downloaded. Raises StageError as `hub.download` does."""
    # Imported here: the library takes a second that the other sources need not wait.
    try:
        from ketune.sources.hub import download  # noqa: PLC0415
    except ValueError as error:  # the library reads numbers from the environment
        names = ", ".join(sorted(name for name in os.environ if name.startswith("HF_")))
        raise StageError(f"the hub's library: {error}; correct or unset one of {names}") from None

    commit, files = download(source, revision, select_files)
    return Located(files, None, revision, commit)


def write_raw(directory: Path, located: Located) -> dict[Split, int]:
    """Write data/raw's parquet files from located files; return the rows of each split.

    Raises StageError naming the file that is damaged, lacks a column or has no rows, or that holds
    the same bytes as another one of its split.
    """
    rows: dict[Split, int] = {}
    for split in SPLITS:
        files = located.files[split]
        _check_contents(files)
        rows[split] = write_split(
            directory, split, (batch for path in files for batch in _batches(path, located.root))
        )
        if not rows[split]:
            where = f"{files[0]}: " if files else f"{located.root}: "
            raise StageError(f"{where}split {split} has no rows; each split needs some")
    return rows


def select_files(names: Iterable[str], where: str) -> dict[Split, list[str]]:
    """Files of each split among `names` (relative, `/`-separated), in order of their shards.

    Raises StageError naming `where`: a split without files, with some of its shards missing, with
    others that repeat rows, or with one whose name would hide it.
    """
    known = sorted(set(names))
    chosen: dict[Split, list[str]] = {}
    for split in SPLITS:
        found = [name for name in known if _belongs(name, split)]
        if hidden := [name for name in known if name not in found and _looks_like(name, split)]:
            raise StageError(
                f"{where}: {hidden[0]!r} is not read; name it {split}-*.parquet, or remove it"
            )
        if not found:
            raise StageError(
                f"{where}: no {split}-*.parquet, flat or in data/; "
                f"a dataset has the splits {', '.join(SPLITS)}"
            )
        _check_shards(found, f"{where}: {split}")
        chosen[split] = found
    return chosen


def _belongs(name: str, split: Split) -> bool:
    path = PurePosixPath(name)
    return str(path.parent) in {".", "data"} and path.match(f"{split}-*.parquet")


def _looks_like(name: str, split: Split) -> bool:
    """Whether a file holds rows of `split` by its name, but for capitals or the missing number."""
    lower = name.lower()
    return _belongs(lower, split) or lower in {f"{split}.parquet", f"data/{split}.parquet"}


def _check_shards(names: list[str], where: str) -> None:
    folders = {str(PurePosixPath(name).parent) for name in names}
    if len(folders) > 1:
        raise StageError(f"{where} has files both flat and in data/; keep one set")
    if copies := [name for name in names if _COPY.search(name)]:
        raise StageError(
            f"{where} has {copies[0]!r}, a second copy by its name; remove or rename it"
        )
    matches = [_SHARD.search(name) for name in names]
    shards = [(int(match[1]), int(match[2])) for match in matches if match]
    if not shards:
        return
    if odd := [name for name, match in zip(names, matches, strict=True) if not match]:
        raise StageError(f"{where} has {odd[0]!r} beside numbered shards; keep one set")
    totals = {total for _, total in shards}
    if len(totals) > 1:
        raise StageError(f"{where} mixes files of {sorted(totals)} shards; keep one set")
    numbers, total = {number for number, _ in shards}, totals.pop()
    if len(numbers) < len(shards):
        raise StageError(
            f"{where} has {len(shards)} files for {len(numbers)} of {total} shards "
            f"({', '.join(names[:3])}): an older upload beside the new one? keep one set"
        )
    # Counted from 0, as `datasets` does, or from 1.
    if max(numbers) - (min(numbers) > 0) >= total:
        raise StageError(f"{where} has shards {sorted(numbers)} of {total}; keep one set")
    if len(numbers) < total:
        raise StageError(f"{where} has {len(numbers)} of {total} shards; copy the others too")


def _check_contents(files: list[Path]) -> None:
    """Raise StageError when two files of a split hold the same bytes."""
    by_size: dict[int, list[Path]] = {}
    for path in files:
        if path.is_file():
            by_size.setdefault(path.stat().st_size, []).append(path)
    seen: dict[str, Path] = {}
    for path in (path for alike in by_size.values() if len(alike) > 1 for path in alike):
        first = seen.setdefault(file_sha256(path), path)
        if first != path:
            raise StageError(f"{path}: the same bytes as {first.name}; remove one of them")


def _locate_arrow(directory: Path) -> Located:
    files: dict[Split, list[Path]] = {}
    for split in SPLITS:
        folder = directory / split
        state = folder / "state.json"
        if not state.is_file():
            raise StageError(
                f"{directory}: no split {split}; a dataset has the splits {', '.join(SPLITS)}"
            )
        files[split] = [folder / name for name in _data_files(state)]
    return Located(files, directory)


def _data_files(state: Path) -> list[str]:
    """The files that a split's state.json lists. Raises StageError when it is not datasets' own."""
    try:
        value = json.loads(state.read_bytes())
        names = [entry["filename"] for entry in value["_data_files"]]
        plain = all(PurePosixPath(name).name == name and name.isprintable() for name in names)
        if value.get("_indices_data_files"):  # as old versions of `datasets` chose rows
            reason = "a file of indices chooses among the rows"
        elif plain and len(names) == len({*names}):
            return names
        else:
            reason = f"_data_files lists {names}"
    except (OSError, ValueError, RecursionError) as error:
        reason = f"not readable JSON: {error}"
    except (LookupError, TypeError, AttributeError):
        reason = "no _data_files of file names"
    raise StageError(
        f"{state}: not as `DatasetDict.save_to_disk` writes it ({reason:.160}); save it again"
    )


def _batches(path: Path, root: Path | None) -> Iterator[pa.RecordBatch]:
    """A file's rows in canonical form."""
    folders = [] if root is None else [root, path.parent]
    read = parquet_batches if path.suffix == ".parquet" else arrow_batches
    try:
        for batch in read(path):
            yield from canonical_batches(batch, lambda name: _read_image(folders, name))
    except pa.ArrowException as error:
        raise StageError(
            f"{path}: a row does not fit ({error}); no text or image may have 2 GiB"
        ) from None


def _read_image(folders: list[Path], name: str) -> bytes | None:
    """Bytes of an image file inside one of `folders`, or of a data URL; None (refused later, with
    its row) otherwise.

    In a snapshot of the hub's cache files are links into the blobs beside it.
    """
    if name.startswith("data:"):
        return _inline(name)
    # A name may also begin with the directory's own, as in data/images/a.png of a directory data.
    places = [(folder, base) for folder in folders for base in (folder, folder.parent)]
    for folder, base in places:
        try:
            path = (base / name).resolve()
            if any(path.is_relative_to(own) for own in _own_places(folder)) and path.is_file():
                small = path.stat().st_size <= _MAX_IMAGE_BYTES
                return path.read_bytes() if small else None
        # A name that is none (too long, with a NUL), a loop of links, a file that may not be read.
        except (OSError, ValueError, RuntimeError):
            continue
    return None


def _own_places(folder: Path) -> list[Path]:
    folder = folder.resolve()
    snapshots = (parent for parent in folder.parents if parent.name == "snapshots")
    return [folder, *(parent.parent / "blobs" for parent in snapshots)]


def _inline(url: str) -> bytes | None:
    head, _, body = url.partition(",")
    try:
        return base64.b64decode(body, validate=True) if head.endswith(";base64") else None
    except ValueError:
        return None
