"""Files of records, a JSON object a line, that one stage writes and others read."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from ketune.runtime import StageError, atomic_open, read_jsonl

_Record = TypeVar("_Record")


def read_records(path: Path, schema: TypeAdapter[_Record], stage: str) -> list[_Record]:
    """Records in the order of the file, which `stage` wrote.

    Raises StageError naming the file and line: no such file, not JSON, or not such a record.
    """
    if not path.is_file():
        raise StageError(f"{path} not found; run the {stage} stage (dvc repro {stage})")
    records = []
    for number, row in enumerate(read_jsonl(path), 1):
        try:
            records.append(schema.validate_python(row))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise StageError(
                f"{path}:{number}: {field}: {first['msg']}; run the {stage} stage again"
            ) from None
    return records


def write_records(path: Path, records: Iterable[object]) -> None:
    """Write records in the given order, atomically."""
    with atomic_open(path) as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
