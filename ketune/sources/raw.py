"""data/raw: the published rows in one canonical parquet file a split.

Whatever form a source has, the same rows give the same bytes here: columns in one order and type,
row groups of one size, image files embedded. Rows are not judged here; `prepare` does that.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ketune.runtime import StageError, file_sha256, write_json
from ketune.tasks.kinds import SPLITS, Split

TEXT_COLUMNS = ("question", "answer", "category", "type", "test_code", "entry_point", "source")

_IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
# The metadata lets `datasets.load_dataset` read the files back with images decoded.
_FEATURES = {name: {"dtype": "string", "_type": "Value"} for name in TEXT_COLUMNS}
_METADATA = {"info": {"features": _FEATURES | {"image": {"_type": "Image"}}}}
RAW_SCHEMA = pa.schema(
    [(name, pa.string()) for name in TEXT_COLUMNS] + [("image", _IMAGE_TYPE)],
    metadata={"huggingface": json.dumps(_METADATA)},
)
# Small enough that a group of screenshots stays in memory whatever the dataset's size.
_ROWS_PER_GROUP = 128

ReadImage = Callable[[str], bytes | None]


def raw_file(directory: Path, split: Split) -> Path:
    """The one file of `split` that `write_split` makes."""
    return directory / f"{split}-00000-of-00001.parquet"


def write_split(
    directory: Path, split: Split, batches: Iterator[pa.RecordBatch], read_image: ReadImage
) -> int:
    """Write one split in canonical form; return its number of rows.

    `read_image` gives the bytes of an image that a row names by path only, or None to leave it
    unresolved. Batches have RAW_SCHEMA's columns, in any of the forms `check_columns` admits.
    """
    rows = 0
    path = raw_file(directory, split)
    with pq.ParquetWriter(path, RAW_SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        for group in _regroup(_canonical(batch, read_image) for batch in batches):
            writer.write_table(group)
            rows += group.num_rows
    return rows


def raw_batches(directory: Path, split: Split, size: int) -> Iterator[pa.RecordBatch]:
    """Rows of a split of data/raw, `size` at a time.

    Raises StageError when the file is missing or cannot be read.
    """
    path = raw_file(directory, split)
    if not path.is_file():
        raise StageError(f"{path} not found; run the ingest stage (dvc repro ingest)")
    yield from parquet_batches(path, size)


def parquet_batches(path: Path, size: int) -> Iterator[pa.RecordBatch]:
    """Batches of any parquet file, page checksums verified where it has them.

    Raises StageError naming a file that is damaged or lacks a column.
    """
    with (
        readable(path),
        pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file,
    ):
        check_columns(file.schema_arrow, path)
        yield from file.iter_batches(batch_size=size)


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


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn Arrow's complaints about a damaged file into a StageError naming it."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise StageError(
            f"{path}: truncated or corrupt ({reason:.160}); copy or download it again"
        ) from None


def check_columns(schema: pa.Schema, path: Path) -> None:
    """Raise StageError naming the first column that is missing or of the wrong type.

    Strings may be large, dictionary-encoded or all null, images all null; other columns are
    ignored.
    """
    for name in RAW_SCHEMA.names:
        if name not in schema.names:
            expected = ", ".join(RAW_SCHEMA.names)
            raise StageError(f"{path}: no column {name!r}; a dataset has the columns {expected}")
        actual = schema.field(name).type
        fits = _is_image(actual) if name == "image" else _is_text(actual)
        if not fits:
            expected = "struct<bytes: binary, path: string>" if name == "image" else "string"
            raise StageError(f"{path}: column {name!r} is {actual}, expected {expected}")


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or types.is_null(kind)
    )


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_null(kind):
        return True
    if not pa.types.is_struct(kind) or {field.name for field in kind} != {"bytes", "path"}:
        return False
    content = kind.field("bytes").type
    types = pa.types
    binary = types.is_binary(content) or types.is_large_binary(content) or types.is_null(content)
    return bool(binary and _is_text(kind.field("path").type))


def _canonical(batch: pa.RecordBatch, read_image: ReadImage) -> pa.RecordBatch:
    columns = [batch.column(name).cast(pa.string()) for name in TEXT_COLUMNS]
    columns.append(_canonical_images(batch.column("image"), read_image))
    return pa.RecordBatch.from_arrays(columns, schema=RAW_SCHEMA)


def _canonical_images(images: pa.Array, read_image: ReadImage) -> pa.Array:
    if pa.types.is_null(images.type):
        return pa.nulls(len(images), _IMAGE_TYPE)
    contents: pa.Array = pc.struct_field(images, "bytes").cast(pa.binary())
    paths = [
        path and path.decode("utf-8", "replace")
        for path in pc.struct_field(images, "path").cast(pa.string()).cast(pa.binary()).to_pylist()
    ]
    by_path = pc.is_null(contents).to_pylist()
    if any(path and alone for path, alone in zip(paths, by_path, strict=True)):
        values: list[Any] = contents.to_pylist()
        for index, path in enumerate(paths):
            if path and by_path[index]:
                values[index] = read_image(path)
        contents = pa.array(values, pa.binary())
    # As `datasets` does when it embeds: where the file lay on another machine is nobody's business.
    names = pa.array([path and Path(path).name for path in paths], pa.string())
    return pa.StructArray.from_arrays(
        [contents, names], fields=list(_IMAGE_TYPE), mask=images.is_null()
    )


def _regroup(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The same rows in tables of exactly _ROWS_PER_GROUP, the last one shorter."""
    pending = RAW_SCHEMA.empty_table()
    for batch in batches:
        pending = pa.concat_tables([pending, pa.Table.from_batches([batch])])
        while pending.num_rows >= _ROWS_PER_GROUP:
            yield pending.slice(0, _ROWS_PER_GROUP).combine_chunks()
            pending = pending.slice(_ROWS_PER_GROUP)
    if pending.num_rows:
        yield pending.combine_chunks()
