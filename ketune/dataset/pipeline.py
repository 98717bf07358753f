"""data/raw to data/prepared: check, normalise and write every row, over all cores.

Batches are independent and are collected in order, and images are stored under the hash of their
content, so the bytes written do not depend on the number of workers.
"""

import contextlib
import gc
import multiprocessing
import os
import pickle
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from tqdm import tqdm

from ketune.dataset.contract import Row, Violation, check_row, reference_program
from ketune.dataset.decontamination import Decisions, RowPrint, decide, print_of
from ketune.dataset.images import canonical_image, encode_png
from ketune.dataset.overlap import Content
from ketune.dataset.statistics import (
    DataCounts,
    RowFacts,
    count_refused,
    count_row,
    refused_rows,
    usable_rows,
)
from ketune.dataset.tokens import count_tokens
from ketune.params.schema import Benchmark, DataParams
from ketune.runtime import StageError
from ketune.sources.columns import TEXT_COLUMNS
from ketune.sources.raw import raw_batches, raw_rows
from ketune.tasks.kinds import SPLITS, Split
from ketune.tasks.samples import IMAGE_TAG, PreparedSample, json_line

# Batches in flight: for each worker enough to keep it busy, in all few enough to bound memory.
_BATCHES_AHEAD = 4
_BYTES_AHEAD = 128 * 2**20
# Entered by the one worker that may decode a large image.
_LARGE: AbstractContextManager[object] = nullcontext()
# What a worker has stored, by the bytes that it decoded: at most some megabytes.
_STORED: dict[bytes, tuple[str, tuple[int, int]]] = {}
_REMEMBERED = 20_000


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
    samples: list[tuple[PreparedSample, RowFacts]] = field(default_factory=list)
    prints: list[RowPrint] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    rows: int = 0


def prepare_rows(
    raw: Path,
    directory: Path,
    *,
    published: Path,
    data: DataParams,
    benchmarks: Sequence[Benchmark],
    workers: int,
) -> tuple[DataCounts, dict[str, Any]]:
    """Fill `directory` with {split}.jsonl, images/, quarantine.jsonl and what `decide` reports;
    return the counts of what is there, and what was decided.

    Rows name their images under `published`, where `directory` will stand. Quarantine lines are
    {split, row, field, reason, message}, row being the index in the raw split.
    Raises StageError: raw data missing or damaged, a benchmark's file missing, a worker killed.
    """
    images = directory / "images"
    images.mkdir()
    total = sum(raw_rows(raw, split) for split in SPLITS)
    tasks = (
        _Task(split, start, batch, images, f"{published}/images", data.image_max_size)
        for split in SPLITS
        for start, batch in _numbered(raw_batches(raw, split))
    )
    counts = DataCounts()
    # What is decided of a row may depend on the last one: until then the rows wait on disk.
    with (
        tempfile.TemporaryFile(dir=directory) as samples,
        tempfile.TemporaryFile(dir=directory) as prints,
    ):
        with (
            _create(directory / "quarantine.jsonl") as quarantine,
            # disable=None: no bar where stderr is not a terminal.
            tqdm(total=total, unit="row", desc="prepare", disable=None) as bar,
        ):
            for result in _in_order(tasks, workers):
                _append(samples, result.samples)
                _append(prints, result.prints)
                for refused in result.refused:
                    quarantine.write(json_line(refused))
                    count_refused(counts, result.split, refused["reason"])
                bar.update(result.rows)
        decisions = decide(lambda: _read_back(prints), benchmarks, data, directory)
        _write_splits(directory, _read_back(samples), decisions, counts)
    return counts, decisions.summary


def _write_splits(
    directory: Path,
    samples: Iterable[tuple[PreparedSample, RowFacts]],
    decisions: Decisions,
    counts: DataCounts,
) -> None:
    """Write and count the samples that stay; remove the images of those that do not."""
    with ExitStack() as stack:
        outputs = [stack.enter_context(_create(directory / f"{split}.jsonl")) for split in SPLITS]
        for number, (sample, facts) in enumerate(samples):
            if number in decisions.dropped:
                continue
            own = SPLITS.index(sample["id"].partition("-")[0])
            split = decisions.moved.get(number, own)
            sample["contaminated_by"] = decisions.contaminated_by.get(number, [])
            outputs[split].write(json_line(sample))
            count_row(counts, SPLITS[split], facts)
    for image in (directory / "images").iterdir():
        if image.name not in counts.images:
            image.unlink()


def _create(path: Path) -> IO[str]:
    return path.open("w", encoding="utf-8", newline="\n")


def _append(file: IO[bytes], values: Iterable[object]) -> None:
    for value in values:
        pickle.dump(value, file, pickle.HIGHEST_PROTOCOL)


def _read_back(file: IO[bytes]) -> Iterator[Any]:
    """What `_append` wrote, from the beginning."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    while file.tell() < end:
        yield pickle.load(file)


def check_quarantine(
    counts: DataCounts, decided: Mapping[str, Any], max_share: float, report: Path
) -> None:
    """Raise StageError when too many rows were refused, or a split has none left.

    `max_share` is of all rows; `decided` is what `prepare_rows` returned, `report` where the
    message sends the reader.
    """
    refused = refused_rows(counts)
    removed = [decided[part]["dropped"] for part in ("contamination", "siblings")]
    kept = sum(usable_rows(counts, split) for split in SPLITS)
    total = refused + kept + sum(sum(part.values()) for part in removed)
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
        if usable_rows(counts, split):
            continue
        if removed[0][split] or removed[1][split] or decided["siblings"]["moved"][split]:
            raise StageError(
                f"split {split} has no row left: {removed[0][split]} dropped as contaminated, "
                f"{removed[1][split]} dropped and {decided['siblings']['moved'][split]} moved as "
                "siblings; change data.decontaminate, data.siblings or data.siblings_by"
            )
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
    pending: deque[tuple[Future[_Result], int]] = deque()
    ahead = 0
    with ProcessPoolExecutor(workers, context, _start_worker, (context.Lock(),)) as pool:
        try:
            for task in tasks:
                size = task.batch.nbytes
                full = len(pending) >= workers * _BATCHES_AHEAD
                while pending and (full or ahead + size > _BYTES_AHEAD):
                    done, freed = pending.popleft()
                    yield done.result()
                    ahead, full = ahead - freed, False
                pending.append((pool.submit(_prepare_batch, task), size))
                ahead += size
            for done, _ in pending:
                yield done.result()
        except BrokenProcessPool:
            raise StageError(
                "a worker process was killed, most likely for memory; free some and run again"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _start_worker(large: AbstractContextManager[object]) -> None:
    global _LARGE  # noqa: PLW0603 - a lock reaches a worker at its start alone
    _LARGE = large
    # Syntax trees are no cycles, and looking through them for some is a fifth of all work.
    gc.freeze()
    gc.disable()


def _prepare_batch(task: _Task) -> _Result:
    if not gc.isenabled():
        gc.collect()
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
            sample, facts, compared = prepared
            result.samples.append((sample, facts))
            result.prints.append(compared)
    return result


def _prepare_row(
    task: _Task, index: int, row: Row, image: pa.StructScalar
) -> tuple[PreparedSample, RowFacts, RowPrint] | Violation:
    name, size = None, None
    if image.is_valid:
        content = image["bytes"].as_py()
        if content is None:
            return Violation("image", "image_missing", _missing(image["path"].as_py()))
        stored = _store(task, content)
        if isinstance(stored, Violation):
            return stored
        name, size = stored
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
        "source": row.source,
        "contaminated_by": [],
    }
    prompt = blake2b(f"{name}:{row.question}".encode(), digest_size=16).digest()
    characters = len(row.question), len(row.answer)
    tokens = count_tokens(row.question), count_tokens(row.answer)
    facts = RowFacts(row.type, row.category, *characters, *tokens, prompt, name, size)
    return sample, facts, print_of(sample["id"], task.split, _content(row, name), row.source)


def _missing(name: str | None) -> str:
    if not name:
        return "has neither bytes nor a file's name"
    return f"names {name[:120]!r}, which is no file of the dataset's directory that can be read"


def _store(task: _Task, content: bytes) -> tuple[str, tuple[int, int]] | Violation:
    """Write the image unless it is there; return its file's name and its size."""
    key = blake2b(content, key=str(task.image_max_size).encode(), digest_size=16).digest()
    # Several rows may ask about one picture.
    known = _STORED.get(key)
    if known and (task.images / known[0]).exists():
        return known
    image = canonical_image(content, task.image_max_size, _LARGE)
    if isinstance(image, Violation):
        return image
    path = task.images / image.name
    if not path.exists():
        _write_new(path, encode_png(image.pixels))
    if len(_STORED) < _REMEMBERED:
        _STORED[key] = image.name, image.size
    return image.name, image.size


def _content(row: Row, image: str | None) -> Content:
    is_code = row.type != "qa"
    return Content(
        prompt=row.question,
        solution=row.answer,
        test=row.test_code,
        entry_point=row.entry_point,
        program=reference_program(row.type, row.question, row.answer) if is_code else "",
        image=image,
        is_stub=row.type == "function_completion",
    )


def _write_new(path: Path, content: bytes) -> None:
    # Another worker that met the same image may be writing the same bytes.
    with contextlib.suppress(FileExistsError), path.open("xb") as file:
        file.write(content)
