"""Completions that were produced elsewhere."""

import bz2
import codecs
import gzip
import hashlib
import json
import lzma
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from ketune.runtime import StageError
from ketune.tasks.benchmarks import Task
from ketune.tasks.completions import Completion, Condition


@with_config(ConfigDict(extra="ignore", strict=True))
class _Row(TypedDict):
    task_id: str
    completion: NotRequired[str]
    solution: NotRequired[str]
    condition: NotRequired[Condition]
    sample: NotRequired[Annotated[int, Field(ge=0)]]
    truncated: NotRequired[bool]


_ROW = TypeAdapter(_Row)
_FORM = "a line has task_id, completion and, where needed, sample and condition"

_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_COMPRESSED = {b"\x1f\x8b": gzip.decompress, b"BZh": bz2.decompress, b"\xfd7zXZ": lzma.decompress}
_OTHER_FILES = {
    b"PK\x03\x04": "a zip archive",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"PAR1": "a Parquet file",
    b"version https://git-lfs": "a Git LFS pointer (`git lfs pull`)",
}


def read_rows(path: Path, md5: str | None = None) -> list[tuple[str, Any]]:
    """(where it stands, row) of a user's file: JSON Lines or a JSON array.

    Also compressed by gzip, bzip2 or xz; in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.
    `md5` pins the file's bytes.

    Raises StageError naming the file and line: no such file, not the pinned one, damaged, another
    encoding, not JSON, no rows.
    """
    text = _text(path, md5)
    stripped = text.lstrip()
    lines = [(f"{path}:{n}", line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    if stripped.startswith("["):
        array = _json(str(path), text)
        rows = [(f"{path}: row {n}", row) for n, row in enumerate(array, 1)]
    elif stripped.startswith("{") and len(lines) > 1 and _is_json(text):
        raise StageError(
            f"{path}: one JSON object over {len(lines)} lines; write a line for every completion, "
            "or an array of them"
        )
    else:
        rows = [(where, _json(where, line)) for where, line in lines]
    if not rows:
        raise StageError(f"{path}: it holds no completions; {_FORM}")
    return rows


def import_completions(
    path: Path, tasks: Sequence[Task], md5: str | None = None
) -> list[Completion]:
    """Completions of `tasks` from a file produced elsewhere, in the order of the tasks.

    A row has `task_id` and `completion` (or `solution`, as EvalPlus writes it), and may have
    `sample` (from 0), `condition` and `truncated`; anything else is ignored. A task_id is
    "{benchmark}/{id}", or the id in the benchmark's own file where one benchmark alone has it.

    Raises StageError naming the file and line: what `read_rows` cannot read, not a completion, an
    unknown or ambiguous task, a second completion of a task, condition and sample; or the file and
    task: one without completions, or with fewer samples than others.
    """
    known = _by_id(tasks)
    completions: dict[tuple[str, Condition, int], Completion] = {}
    first: dict[tuple[str, Condition, int], str] = {}
    for where, content in read_rows(path, md5):
        row = _validated(where, content)
        task = _find(where, row["task_id"], known)
        condition = row.get("condition", "standard")
        if condition == "blank_images" and not task.images:
            raise StageError(f"{where}: condition: {task.task_id} has no image that could be blank")
        key = (task.task_id, condition, row.get("sample", 0))
        if key in completions:
            raise StageError(
                f"{where}: task_id: a second completion of {task.task_id}, the first is "
                f"{first[key]}; number them by `sample`, from 0"
            )
        first[key] = where
        completions[key] = {
            "task_id": task.task_id,
            "benchmark": task.benchmark,
            "condition": condition,
            "sample": key[2],
            "completion": row["completion"] if "completion" in row else row["solution"],
            "truncated": row.get("truncated", False),
        }
    _check_complete(path, tasks, completions)
    order = {task.task_id: position for position, task in enumerate(tasks)}
    return sorted(
        completions.values(),
        key=lambda c: (order[c["task_id"]], c["condition"] != "standard", c["sample"]),
    )


def answered(path: Path, tasks: Sequence[Task]) -> list[Task]:
    """Those of `tasks` that the file has a row of, in order.

    Raises StageError as `import_completions` for a row that is no completion of one task.
    """
    known = _by_id(tasks)
    rows = ((where, _validated(where, row)) for where, row in read_rows(path))
    named = {_find(where, row["task_id"], known).task_id for where, row in rows}
    return [task for task in tasks if task.task_id in named]


def _text(path: Path, md5: str | None) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StageError(
            f"{path} not found; put the completions there, or correct the path"
        ) from None
    except OSError as error:
        raise StageError(f"{path}: {error.strerror}; give a completions file") from None
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 not in {None, found}:
        raise StageError(f"{path}: MD5 is {found}, its baseline pins {md5}; set md5 to {found}")
    content = _decompressed(path, content)
    if b"\0" in content[:200] and not any(map(content.startswith, _MARKS)):
        raise StageError(
            f"{path}: UTF-16 or binary (it has NUL bytes and no byte order mark); if it is text, "
            "convert it: iconv -f UTF-16LE -t UTF-8"
        )
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise StageError(
            f"{path}:{line}: not {encoding.upper()} (byte {error.start} is "
            f"0x{content[error.start]:02x}); convert it, from Latin-1 by iconv -f LATIN1 -t UTF-8"
        ) from None


def _decompressed(path: Path, content: bytes) -> bytes:
    for mark, kind in _OTHER_FILES.items():
        if content.startswith(mark):
            raise StageError(f"{path}: {kind}, not JSON Lines; unpack or export it")
    decompress = next((f for mark, f in _COMPRESSED.items() if content.startswith(mark)), bytes)
    try:
        return decompress(content)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise StageError(f"{path}: compressed, but damaged ({error}); copy it again") from None


def _by_id(tasks: Iterable[Task]) -> dict[str, list[Task]]:
    known: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        for name in {task.task_id, task.source_id or task.task_id}:
            known[name].append(task)
    return known


def _json(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise StageError(f"{where}: not JSON of a completion (nested too deeply)") from None
    except ValueError as error:
        raise StageError(f"{where}: not JSON ({error})") from None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _validated(where: str, row: Any) -> _Row:
    try:
        valid = _ROW.validate_python(row)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "line"
        raise StageError(f"{where}: {field}: {first['msg']}; {_FORM}") from None
    texts = {valid[name] for name in ("completion", "solution") if name in valid}
    if not texts:
        raise StageError(f"{where}: completion: Field required; {_FORM}")
    if len(texts) > 1:
        raise StageError(f"{where}: completion: it is not its solution; leave out one of them")
    if _SURROGATE.search("".join(texts)):
        raise StageError(
            f"{where}: completion: it holds half a character (a lone surrogate); write \\ufffd "
            "in its place"
        )
    return valid


def _find(where: str, name: str, known: dict[str, list[Task]]) -> Task:
    found = known.get(name, [])
    if len(found) == 1:
        return found[0]
    if not found:
        benchmarks = " and ".join(sorted({t.benchmark for own in known.values() for t in own}))
        raise StageError(
            f"{where}: task_id: {name!r} is no task of {benchmarks}; task ids look like "
            f"{next(iter(known))!r}"
        )
    raise StageError(
        f"{where}: task_id: {name!r} is in {' and '.join(t.benchmark for t in found)}; write "
        f"{found[0].task_id!r} or {found[1].task_id!r}, or limit the benchmarks (`--benchmark`, a "
        "baseline's `benchmarks`)"
    )


def _check_complete(
    path: Path, tasks: Sequence[Task], found: Iterable[tuple[str, Condition, int]]
) -> None:
    samples: dict[tuple[str, Condition], set[int]] = defaultdict(set)
    for task_id, condition, sample in found:
        samples[task_id, condition].add(sample)
    blank = any(condition == "blank_images" for _, condition in samples)
    expected: list[tuple[str, Condition]] = [(task.task_id, "standard") for task in tasks]
    expected += [(t.task_id, "blank_images") for t in tasks if blank and t.images]
    if missing := [key for key in expected if key not in samples]:
        task_id, condition = missing[0]
        raise StageError(
            f"{path}: no completion of {task_id} ({condition}; {len(missing)} of {len(expected)} "
            "lack one); add them, or say what is not answered: `ketune score` by --subset or "
            "--text-only, a baseline by `benchmarks` or `multimodal: false`"
        )
    count = max(len(numbers) for numbers in samples.values())
    for (task_id, condition), numbers in samples.items():
        if numbers != set(range(count)):
            raise StageError(
                f"{path}: {task_id} ({condition}) has samples {sorted(numbers)}; every task needs "
                f"0 to {count - 1}"
            )
