"""Files of rows, parquet or Arrow streams, read a bounded number of bytes at a time."""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ketune.runtime import StageError
from ketune.sources.columns import RAW_SCHEMA, check_columns

# Bytes of rows that are read at once. A row group's rows may differ much, so never many of them.
_READ_BYTES = 16 * 2**20
_READ_ROWS = 16
_BUFFER = 2**20  # what is read of a column at once, in the place of all of a row group's

# Continuation marker and a metadata length of 0: the Arrow IPC streaming format.
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"

# What else files of these names turn out to be, by how they begin or, if encrypted, end.
_LFS = b"version https://git-lfs"
_ENCRYPTED = b"PARE"


def parquet_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a parquet file, page checksums verified where it has them.

    Raises StageError naming a file that is damaged, encrypted, a Git LFS pointer or lacks a column.
    """
    with (
        readable(path),
        pq.ParquetFile(
            path, pre_buffer=False, buffer_size=_BUFFER, page_checksum_verification=True
        ) as file,
    ):
        check_columns(file.schema_arrow, path)
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            row_bytes = max(1, group.total_byte_size // max(1, group.num_rows))
            rows = min(_READ_ROWS, max(1, _READ_BYTES // row_bytes))
            yield from file.iter_batches(rows, [number], RAW_SCHEMA.names)


def arrow_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The record batches of a file that `save_to_disk` wrote, mapped, not read.

    What was read of a batch is dropped from memory when the next one is asked for.
    Raises StageError as `parquet_batches` does.
    """
    with readable(path), path.open("rb") as file:
        # A stream cut between two batches reads without complaint, a few rows short.
        if file.seek(0, 2) < len(_END_OF_STREAM):
            raise pa.ArrowInvalid("the end of the stream is missing")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if mapped[-len(_END_OF_STREAM) :] != _END_OF_STREAM:
            raise pa.ArrowInvalid("the end of the stream is missing")
        reader = pa.ipc.open_stream(pa.py_buffer(mapped))
        check_columns(reader.schema, path)
        for batch in reader:
            _check_layout(batch)
            # One at a time: a batch may be larger than memory.
            for start in range(0, batch.num_rows, _READ_ROWS):
                yield batch.slice(start, _READ_ROWS).select(RAW_SCHEMA.names)
                mapped.madvise(mmap.MADV_DONTNEED)


def _check_layout(batch: pa.RecordBatch) -> None:
    """Raise ArrowInvalid when offsets point outside their values: Arrow follows any, and crashes.

    As bytes: text that is not UTF-8 is a row's fault, not the file's.
    """
    batch.validate()
    for name in RAW_SCHEMA.names:
        column = batch.column(name)
        for part in column.flatten() if pa.types.is_struct(column.type) else [column]:
            as_bytes = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
            kind = as_bytes.get(part.type)
            (part.view(kind) if kind else part).validate(full=True)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn Arrow's complaints about a file that it cannot read into a StageError naming it."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, OSError) and error.errno:  # not Arrow's own complaint
            reason = os.strerror(error.errno)
            raise StageError(f"{path}: cannot be opened ({reason}); make it readable") from None
        raise StageError(f"{path}: {_explain(path, reason)}") from None


def _explain(path: Path, reason: str) -> str:
    head, tail = _ends(path)
    if head.startswith(_LFS):
        return "a Git LFS pointer, not the rows; run `git lfs pull` in its repository"
    if _ENCRYPTED in {head[:4], tail} or "encrypt" in reason or "decrypt" in reason:
        return f"encrypted parquet, which is not read ({reason:.80}); write it without encryption"
    return f"truncated or corrupt ({reason:.160}); copy or download it again"


def _ends(path: Path) -> tuple[bytes, bytes]:
    try:
        with path.open("rb") as file:
            head = file.read(len(_LFS))
            file.seek(max(0, file.seek(0, 2) - 4))
            return head, file.read(4)
    except OSError:
        return b"", b""
