"""data/raw: the published rows in one canonical parquet file a split.

Whatever form a source has, the same rows give the same bytes here: columns in one order and type,
row groups of one size, image files embedded. Rows are not judged here; `prepare` does that.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ketune.runtime import StageError, file_sha256, fingerprint, write_json
from ketune.sources.columns import RAW_SCHEMA, TEXT_COLUMNS
from ketune.sources.files import parquet_batches, readable
from ketune.tasks.kinds import SPLITS, Split

# Small enough that a group stays in memory whatever the dataset's size, by rows or, for large
# images, by bytes.
_GROUP_ROWS = 128
_GROUP_BYTES = 64 * 2**20


def raw_file(directory: Path, split: Split) -> Path:
    """The one file of `split` that `write_split` makes."""
    return directory / f"{split}-00000-of-00001.parquet"


def write_split(directory: Path, split: Split, batches: Iterable[pa.RecordBatch]) -> int:
    """Write one split from batches in RAW_SCHEMA; return its number of rows."""
    rows = 0
    path = raw_file(directory, split)
    with pq.ParquetWriter(path, RAW_SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        for group in _regroup(batches):
            writer.write_table(group)
            rows += group.num_rows
    return rows


def raw_batches(directory: Path, split: Split) -> Iterator[pa.RecordBatch]:
    """Rows of a split of data/raw, a few at a time.

    Raises StageError when the file is missing or cannot be read.
    """
    path = raw_file(directory, split)
    if not path.is_file():
        raise StageError(f"{path} not found; run the ingest stage (dvc repro ingest)")
    yield from parquet_batches(path)


def row_bytes(batch: pa.RecordBatch) -> list[int]:
    """Bytes of text and image in each row of a batch in RAW_SCHEMA."""
    values = [batch.column(name) for name in TEXT_COLUMNS]
    values.append(pc.struct_field(batch.column("image"), "bytes"))
    lengths = [pc.fill_null(pc.binary_length(column), 0).to_pylist() for column in values]
    return [sum(row) for row in zip(*lengths, strict=True)]


def raw_rows(directory: Path, split: Split) -> int:
    """Number of rows of a split, from the file's footer."""
    path = raw_file(directory, split)
    if not path.is_file():
        raise StageError(f"{path} not found; run the ingest stage (dvc repro ingest)")
    with readable(path):
        return int(pq.read_metadata(path).num_rows)


def write_provenance(
    directory: Path,
    rows: Mapping[Split, int],
    *,
    source: str,
    revision: str | None,
    commit: str | None,
) -> None:
    """Write source.json: what data/raw holds and where it came from. Nothing in it is a time."""
    files = {
        split: {"rows": rows[split], "sha256": file_sha256(raw_file(directory, split))}
        for split in SPLITS
    }
    origin = {"source": source, "revision": revision, "commit": commit}
    write_json(directory / "source.json", origin | {"files": files})


def read_provenance(directory: Path) -> dict[str, Any]:
    """What `write_provenance` wrote. Raises StageError when it is not there."""
    path = directory / "source.json"
    if not path.is_file():
        raise StageError(f"{path} not found; run the ingest stage (dvc repro ingest)")
    provenance: dict[str, Any] = json.loads(path.read_bytes())
    return provenance


def short_name(provenance: Mapping[str, Any]) -> str:
    """A dataset in few characters: its name, and its commit or a digest of its rows."""
    files = sorted(file["sha256"] for file in provenance["files"].values())
    digest = hashlib.sha256("".join(files).encode()).hexdigest()
    name = provenance["source"].rstrip("/").rpartition("/")[2]
    return fingerprint(name, provenance["commit"] or digest)


def _regroup(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables of exactly _GROUP_ROWS, or less where those exceed _GROUP_BYTES.

    A table's rows depend on the rows alone, not on the batches they came in.
    """
    parts: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        start = 0
        for index, length in enumerate(row_bytes(batch)):
            if rows == _GROUP_ROWS or (rows and size + length > _GROUP_BYTES):
                yield _table([*parts, batch.slice(start, index - start)])
                parts, rows, size, start = [], 0, 0, index
            rows, size = rows + 1, size + length
        parts.append(batch.slice(start))
    if rows:
        yield _table(parts)


def _table(parts: list[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(parts, RAW_SCHEMA).combine_chunks()
