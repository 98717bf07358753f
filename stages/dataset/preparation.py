"""data/raw to data/prepared: check, normalise and write every row, over all cores.

Batches are independent and are collected in order, and images are stored under the hash of their
content, so the bytes written do not depend on the number of workers.
"""

import json
import multiprocessing
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from stages.dataset.contract import Row, Violation, check_row
from stages.dataset.images import canonical_image, encode_png
from stages.dataset.prepared import IMAGE_TAG, PreparedSample
from stages.dataset.raw import SPLITS, TEXT_COLUMNS, Split, raw_batches, raw_rows
from stages.dataset.statistics import (
    DataCounts,
    RowFacts,
    count_refused,
    count_row,
    refused_rows,
    usable_rows,
)
from stages.runtime import StageError

_BATCH_ROWS = 32
# Batches in flight for each worker: enough to keep it busy, few enough to bound memory.
_BATCHES_AHEAD = 4


@dataclass(frozen=True)
class _Task:
    split: Split
    start: int
    batch: pa.RecordBatch
    images: Path
    image_prefix: str
    image_max_size: int


@dataclass
class _Result:
    split: Split
    lines: list[str] = field(default_factory=list)
    facts: list[RowFacts] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0


def prepare_rows(
    raw: Path, directory: Path, *, published: Path, image_max_size: int, workers: int
) -> DataCounts:
    """Fill `directory` with {split}.jsonl, images/ and quarantine.jsonl from data/raw.

    Rows name their images under `published`, where `directory` will stand. Quarantine lines are
    {split, row, field, reason, message}, row being the index in the raw split.
    Raises StageError: raw data missing or damaged, a worker killed.
    """
    images = directory / "images"
    images.mkdir()
    total = sum(raw_rows(raw, split) for split in SPLITS)
    tasks = (
        _Task(split, start, batch, images, f"{published}/images", image_max_size)
        for split in SPLITS
        for start, batch in _numbered(raw_batches(raw, split, _BATCH_ROWS))
    )
    counts = DataCounts()
    with ExitStack() as stack:

        def create(name: str) -> Any:
            path = directory / name
            return stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))

        outputs = {split: create(f"{split}.jsonl") for split in SPLITS}
        quarantine = create("quarantine.jsonl")
        # disable=None: no bar where stderr is not a terminal.
        bar = stack.enter_context(tqdm(total=total, unit="row", desc="prepare", disable=None))
        for result in _in_order(tasks, workers):
            outputs[result.split].writelines(result.lines)
            for facts in result.facts:
                count_row(counts, result.split, facts)
            for refused in result.refused:
                quarantine.write(_json_line(refused))
                count_refused(counts, result.split, refused["reason"])
            bar.update(result.rows)
    return counts


def check_quarantine(counts: DataCounts, max_share: float, report: Path) -> None:
    """Raise StageError when too many rows were refused, or a split has none left.

    `max_share` is of all rows; `report` is where the message sends the reader.
    """
    refused = refused_rows(counts)
    total = refused + sum(usable_rows(counts, split) for split in SPLITS)
    reasons: Counter[str] = Counter()
    for (_, reason), count in sorted(counts.reasons.items()):
        reasons[reason] += count
    top = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(5))
    if refused > max_share * total:
        raise StageError(
            f"{refused} of {total} rows ({refused / total:.1%}) break the data contract, more "
            f"than data.max_quarantine ({max_share:.1%}): {top}; read {report}, then mend the "
            "rows or raise data.max_quarantine"
        )
    for split in SPLITS:
        if not usable_rows(counts, split):
            raise StageError(f"split {split} has no usable row: {top}; read {report}")


def _numbered(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    start = 0
    for batch in batches:
        yield start, batch
        start += batch.num_rows


def _in_order(tasks: Iterator[_Task], workers: int) -> Iterator[_Result]:
    """Results in the order of their tasks, with a bounded number in flight."""
    if workers == 1:
        yield from map(_prepare_batch, tasks)
        return
    # Not fork: Arrow has started threads in this process.
    context = multiprocessing.get_context("spawn")
    pending: deque[Future[_Result]] = deque()
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            for task in tasks:
                pending.append(pool.submit(_prepare_batch, task))
                if len(pending) >= workers * _BATCHES_AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool:
            raise StageError(
                "a worker process was killed, most likely for memory; free some and run again"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare_batch(task: _Task) -> _Result:
    result = _Result(task.split, rows=task.batch.num_rows)
    # As bytes: one row that is not UTF-8 must not fail its whole batch.
    texts = {name: task.batch.column(name).cast(pa.binary()).to_pylist() for name in TEXT_COLUMNS}
    contents = task.batch.column("image")
    for index in range(task.batch.num_rows):
        row = task.start + index
        checked = check_row({name: texts[name][index] for name in TEXT_COLUMNS})
        prepared = (
            _prepare_row(task, row, checked, contents[index])
            if isinstance(checked, Row)
            else checked
        )
        if isinstance(prepared, Violation):
            place = {"split": task.split, "row": row}
            result.refused.append(place | asdict(prepared))
        else:
            sample, facts = prepared
            result.lines.append(_json_line(sample))
            result.facts.append(facts)
    return result


def _prepare_row(
    task: _Task, index: int, row: Row, image: pa.StructScalar
) -> tuple[PreparedSample, RowFacts] | Violation:
    name, size = None, None
    if image.is_valid:
        content = image["bytes"].as_py()
        if content is None:
            message = "names a file that lies outside the dataset, or none at all"
            return Violation("image", "image_missing", message)
        decoded = canonical_image(content, task.image_max_size)
        if isinstance(decoded, Violation):
            return decoded
        name, size = decoded.name, decoded.size
        path = task.images / name
        if not path.exists():
            _write_once(path, encode_png(decoded.image))
    sample: PreparedSample = {
        "id": f"{task.split}-{index:06d}",
        "messages": [
            {"role": "user", "content": (IMAGE_TAG if name else "") + row.question},
            {"role": "assistant", "content": row.answer},
        ],
        "images": [f"{task.image_prefix}/{name}"] if name else [],
        "type": row.type,
        "category": row.category,
        "test_code": row.test_code,
        "entry_point": row.entry_point,
        "multimodal": name is not None,
    }
    prompt = blake2b(f"{name}:{row.question}".encode(), digest_size=16).digest()
    lengths = len(row.question), len(row.answer)
    return sample, RowFacts(row.type, row.category, *lengths, prompt, name, size)


def _write_once(path: Path, content: bytes) -> None:
    # Two workers may meet the same image: each writes its own file, either rename wins.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def _json_line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
