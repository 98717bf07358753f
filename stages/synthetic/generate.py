"""Write a synthetic dataset in the raw schema: every reference answer has passed its own test."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from stages.judge import Program, judge
from stages.runtime import StageError
from stages.synthetic.drawing import draw
from stages.synthetic.sample import RAW_COLUMNS, Sample
from stages.synthetic.stream import Split, samples

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SCHEMA = pa.schema([(name, IMAGE if name == "image" else pa.string()) for name in RAW_COLUMNS])
_CHUNK = 512  # samples held in memory at once
_TIMEOUT, _MEMORY_MB = 30.0, 2048  # far above what any reference needs


def generate(counts: dict[Split, int], seed: int, workers: int, directory: Path) -> dict[str, Any]:
    """Write `{split}-00000-of-00001.parquet` with `counts[split]` verified rows a split.

    A sample whose reference fails its test is left out and the next of the stream takes its place,
    so the bytes depend on `counts` and `seed` alone. Returns rows by split and family, and the
    rejected ones by family.

    Raises StageError when the judge itself fails, JudgeUnavailable when it cannot isolate.
    """
    report: dict[str, Any] = {"rows": {}, "families": {}, "rejected": {}}
    with get_context("spawn").Pool(workers) as pool:
        for split, count in counts.items():
            families: Counter[str] = Counter()
            rejected: Counter[str] = Counter()
            path = directory / f"{split}-00000-of-00001.parquet"
            stream = samples(split, seed, draw=False)
            with (
                pq.ParquetWriter(path, SCHEMA) as writer,
                tqdm(total=count, desc=f"generate {split}", unit="row") as bar,
            ):
                while missing := count - families.total():
                    chunk = list(islice(stream, min(missing, _CHUNK)))
                    passed = list(_verified(chunk, workers, rejected))
                    pictures = [s.picture for s in passed if s.picture is not None]
                    images = pool.imap(draw, pictures, chunksize=8)
                    rows = []
                    for sample in passed:
                        rows.append(_row(sample, next(images) if sample.picture else None))
                        bar.update()
                    writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
                    families.update(sample.family for sample in passed)
            report["rows"][split] = count
            report["families"][split] = dict(sorted(families.items()))
            report["rejected"][split] = dict(sorted(rejected.items()))
    return report


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
    row: dict[str, Any] = {name: getattr(sample, name) for name in RAW_COLUMNS if name != "image"}
    row["image"] = None if image is None else {"bytes": image, "path": None}
    return row
