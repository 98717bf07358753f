"""Write a synthetic dataset in the raw schema: every reference answer has passed its own test."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from stages.dataset.raw import RAW_SCHEMA, TEXT_COLUMNS, raw_file
from stages.judge import JudgeUnavailable, Program, judge
from stages.runtime import StageError, atomic_open
from stages.synthetic.drawing import draw
from stages.synthetic.sample import Sample
from stages.synthetic.stream import Split, samples

_CHUNK = 512  # samples held in memory at once
_TIMEOUT, _MEMORY_MB = 30.0, 2048  # far above what any reference needs


def generate(counts: dict[Split, int], seed: int, workers: int, directory: Path) -> dict[str, Any]:
    """Write `{split}-00000-of-00001.parquet` with `counts[split]` verified rows a split.

    A sample whose reference fails its test is left out and the next of the stream takes its place,
    so the bytes depend on `counts` and `seed` alone. Returns, by split, the number of rows, of
    rows with a picture and of rows that need it, rows by type, category and family, and the
    rejected samples by family.

    Raises StageError when the judge fails or cannot isolate.
    """
    try:
        with get_context("spawn").Pool(workers) as pool:
            return {
                split: _write_split(split, count, seed, workers, raw_file(directory, split), pool)
                for split, count in counts.items()
            }
    except JudgeUnavailable as error:
        raise StageError(str(error)) from None


def _write_split(
    split: Split, count: int, seed: int, workers: int, path: Path, pool: Pool
) -> dict[str, Any]:
    tallies = {name: Counter[str]() for name in ("type", "category", "family", "rejected")}
    pictures = needed = rows = 0
    stream = samples(split, seed, draw=False)
    with (
        atomic_open(path, "wb") as file,
        pq.ParquetWriter(file, RAW_SCHEMA) as writer,
        tqdm(total=count, desc=f"generate {split}", unit="row") as bar,
    ):
        while rows < count:
            chunk = list(islice(stream, min(count - rows, _CHUNK)))
            passed = []
            for sample in _verified(chunk, workers, tallies["rejected"]):
                passed.append(sample)
                bar.update()
            images = pool.imap(draw, [s.picture for s in passed if s.picture], chunksize=8)
            table = []
            for sample in passed:
                table.append(_row(sample, next(images) if sample.picture else None))
                for name in ("type", "category", "family"):
                    tallies[name][getattr(sample, name)] += 1
                pictures += sample.picture is not None
                needed += sample.needs_image
            writer.write_table(pa.Table.from_pylist(table, RAW_SCHEMA))
            rows += len(passed)
    report: dict[str, Any] = {"rows": rows, "pictures": pictures, "needs_image": needed}
    return report | {name: dict(sorted(tally.items())) for name, tally in tallies.items()}


def _verified(chunk: list[Sample], workers: int, rejected: Counter[str]) -> Iterator[Sample]:
    """The samples of `chunk` whose reference passes, in order; counts the others by family."""
    programs = [
        Program(f"{sample.family}/{number}", sample.program, sample.test_code, sample.entry_point)
        for number, sample in enumerate(chunk)
        if sample.type != "qa"
    ]
    verdicts = judge(programs, workers=workers, timeout=_TIMEOUT, memory_mb=_MEMORY_MB)
    for sample in chunk:
        if sample.type != "qa":
            verdict = next(verdicts)
            if verdict.outcome == "judge_error":
                raise StageError(
                    f"synthetic sample {verdict.task_id}: the judge failed ({verdict.detail}); "
                    "run ingest again"
                )
            if verdict.outcome != "passed":
                rejected[sample.family] += 1
                continue
        yield sample


def _row(sample: Sample, image: bytes | None) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(sample, name) for name in TEXT_COLUMNS}
    row["image"] = None if image is None else {"bytes": image, "path": None}
    return row
