"""The columns of a dataset: which forms of them are read, and the one that data/raw holds."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ketune.runtime import StageError

TEXT_COLUMNS = ("question", "answer", "category", "type", "test_code", "entry_point", "source")

_IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
# The metadata lets `datasets.load_dataset` read the files back with images decoded.
_FEATURES = {name: {"dtype": "string", "_type": "Value"} for name in TEXT_COLUMNS}
_METADATA = {"info": {"features": _FEATURES | {"image": {"_type": "Image"}}}}
RAW_SCHEMA = pa.schema(
    [(name, pa.string()) for name in TEXT_COLUMNS] + [("image", _IMAGE_TYPE)],
    metadata={"huggingface": json.dumps(_METADATA)},
)
# What is converted at once, so that memory does not grow with a file's batches.
_PIECE_BYTES = 32 * 2**20

# Bytes of an image that a row names by path only; None leaves it unresolved.
ReadImage = Callable[[str], bytes | None]


def check_columns(schema: pa.Schema, path: Path) -> None:
    """Raise StageError naming the first column that is missing or of the wrong type.

    Text and bytes may be in any of Arrow's layouts, strings dictionary-encoded or all null, images
    all null; other columns are ignored.
    """
    for name in RAW_SCHEMA.names:
        if name not in schema.names:
            expected = ", ".join(RAW_SCHEMA.names)
            raise StageError(f"{path}: no column {name!r}; a dataset has the columns {expected}")
        if schema.names.count(name) > 1:
            raise StageError(f"{path}: two columns {name!r}; keep one")
        actual = schema.field(name).type
        if name == "image" and not _is_image(actual):
            expected = "struct<bytes: binary, path: string>"
            raise StageError(f"{path}: column {name!r} is {actual}, expected {expected}")
        if name != "image" and not _is_text(actual):
            raise StageError(f"{path}: column {name!r} is {_described(schema, name)}")


def canonical_batches(batch: pa.RecordBatch, read_image: ReadImage) -> Iterator[pa.RecordBatch]:
    """The rows of a batch that `check_columns` admits, in RAW_SCHEMA and in pieces of bounded size.

    Raises ArrowException: a value that does not fit into a column (2 GiB).
    """
    if batch.num_rows > 1 and (batch.nbytes > _PIECE_BYTES or _names_files(batch)):
        half = batch.num_rows // 2
        yield from canonical_batches(batch.slice(0, half), read_image)
        yield from canonical_batches(batch.slice(half), read_image)
    elif batch.num_rows:
        columns = [batch.column(name).cast(pa.string()) for name in TEXT_COLUMNS]
        columns.append(_canonical_images(batch.column("image"), read_image))
        yield pa.RecordBatch.from_arrays(columns, schema=RAW_SCHEMA)


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
    binary = (
        types.is_binary(content)
        or types.is_large_binary(content)
        or types.is_binary_view(content)
        or types.is_null(content)
    )
    return bool(binary and _is_text(kind.field("path").type))


def _described(schema: pa.Schema, name: str) -> str:
    """The type of a column that is not text, and what to do about it."""
    kind = schema.field(name).type
    metadata = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        feature = json.loads(metadata)["info"]["features"][name]["_type"]
    except (ValueError, LookupError, TypeError):
        feature = ""
    if feature != "ClassLabel":
        return f"{kind}, expected string"
    return (
        f"a ClassLabel ({kind}), expected string; write the names in its place: "
        f"names = dataset.features[{name!r}].names; dataset.add_column('text', [names[n] for n in "
        f"dataset[{name!r}]]).remove_columns({name!r}).rename_column('text', {name!r})"
    )


def _names_files(batch: pa.RecordBatch) -> bool:
    """Whether a row's image is a path alone: the file may be of any size."""
    images = batch.column("image")
    if pa.types.is_null(images.type):
        return False
    absent = pc.is_null(pc.struct_field(images, "bytes"))
    named = pc.is_valid(pc.struct_field(images, "path"))
    return bool(pc.any(pc.and_(absent, named)).as_py())


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
    names = pa.array([path and _name(path) for path in paths], pa.string())
    return pa.StructArray.from_arrays(
        [contents, names], fields=list(_IMAGE_TYPE), mask=images.is_null()
    )


def _name(path: str) -> str:
    return "data URL" if path.startswith("data:") else Path(path).name
