"""Write a synthetic dataset in the raw schema: every reference answer has passed its own test."""

import hashlib
import json
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

from ketune.judge import JudgeUnavailable, Program, judge
from ketune.runtime import StageError, atomic_open, versions
from ketune.scratch import run_key, scratch_directory
from ketune.sources.columns import RAW_SCHEMA, TEXT_COLUMNS
from ketune.sources.raw import raw_file
from ketune.synthetic.drawing import draw
from ketune.synthetic.sample import Sample
from ketune.synthetic.stream import Rejected, Split, samples

_CHUNK = 256  # samples held in memory at once, and lost when the process is killed
_TIMEOUT, _MEMORY_MB = 60.0, 2048  # far above what any reference needs
# What a loaded machine may answer about a reference that is right.
_TRANSIENT = ("judge_error", "timeout", "out_of_memory")
_PACKAGES = (
    "matplotlib",
    "numpy",
    "pillow",
    "pyarrow",
    "qiskit",
    "qiskit-aer",
    "qiskit-ibm-runtime",
)


def generate(counts: dict[Split, int], seed: int, workers: int, directory: Path) -> dict[str, Any]:
    """Write `{split}-00000-of-00001.parquet` with `counts[split]` verified rows a split.

    A sample whose reference fails its test is left out and the next of the stream takes its place,
    so the bytes depend on `counts` and `seed` alone, not on `workers`. A run that was killed goes
    on at its last whole chunk when it is started again with the same arguments.

    Returns `seed`, `generator` (a digest of the code), `versions` and, in `splits`, by split the
    number of rows, of rows with a picture and of rows that need it, rows by type, category and
    family, and in `rejected` the samples that were left out by reason and family: "duplicate",
    "other_split" (see stream.samples) or the judge's outcome.

    Raises StageError when the judge cannot isolate, or cannot finish a reference.
    """
    provenance = {
        "seed": seed,
        "generator": _digest("synthetic"),
        "versions": versions(*_PACKAGES),
    }
    key = run_key(provenance | {"counts": counts, "chunk": _CHUNK, "judge": _digest("judge")})
    try:
        with (
            scratch_directory("ingest", key) as scratch,
            get_context("spawn").Pool(workers) as pool,
        ):
            splits = {
                split: _write_split(split, count, seed, workers, directory, pool, scratch.path)
                for split, count in counts.items()
            }
    except JudgeUnavailable as error:
        raise StageError(str(error)) from None
    return provenance | {"splits": splits}


def _digest(package: str) -> str:
    """Of the package's source files, their names and bytes: 12 hex digits."""
    root = Path(__file__).parents[1] / package
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _write_split(
    split: Split, count: int, seed: int, workers: int, directory: Path, pool: Pool, scratch: Path
) -> dict[str, Any]:
    rejected: Rejected = Counter()
    stream = samples(split, seed, draw=False, rejected=rejected)
    tallies = {name: Counter[str]() for name in ("type", "category", "family")}
    pictures = needed = rows = 0
    with (
        atomic_open(raw_file(directory, split), "wb") as file,
        pq.ParquetWriter(file, RAW_SCHEMA) as writer,
        tqdm(total=count, desc=f"generate {split}", unit="row", smoothing=0) as bar,
    ):
        while rows < count:
            path = scratch / f"{split}-{rows:07}.parquet"
            chunk = list(islice(stream, min(count - rows, _CHUNK)))
            if path.exists():
                bar.update(pq.read_metadata(path).num_rows)
            else:
                _write_chunk(path, chunk, workers, pool, bar)
            table = pq.read_table(path)
            failed = json.loads(table.schema.metadata[b"rejected"])
            for number, sample in enumerate(chunk):
                if outcome := failed.get(str(number)):
                    rejected[sample.family, outcome] += 1
                    continue
                for name, tally in tallies.items():
                    tally[getattr(sample, name)] += 1
                pictures += sample.picture is not None
                needed += sample.needs_image
            writer.write_table(table.cast(RAW_SCHEMA))
            rows += table.num_rows
    report: dict[str, Any] = {"rows": rows, "pictures": pictures, "needs_image": needed}
    report |= {name: dict(sorted(tally.items())) for name, tally in tallies.items()}
    reasons: dict[str, dict[str, int]] = {}
    for (family, reason), number in sorted(rejected.items()):
        reasons.setdefault(reason, {})[family] = number
    return report | {"rejected": dict(sorted(reasons.items()))}


def _write_chunk(
    path: Path, chunk: list[Sample], workers: int, pool: Pool, bar: "tqdm[Any]"
) -> None:
    """Write the rows whose references pass; the others' places and outcomes are its metadata."""
    # Drawn while the judge works: neither keeps all cores busy by itself.
    images = pool.imap(draw, [s.picture for s in chunk if s.picture], chunksize=8)
    table, failed = [], {}
    for number, (sample, outcome) in enumerate(zip(chunk, _outcomes(chunk, workers), strict=True)):
        image = next(images) if sample.picture else None
        if outcome == "passed":
            table.append(_row(sample, image))
            bar.update()
        else:
            failed[str(number)] = outcome
    schema = RAW_SCHEMA.with_metadata({"rejected": json.dumps(failed)})
    with atomic_open(path, "wb") as file:
        pq.write_table(pa.Table.from_pylist(table, schema), file)


def _outcomes(chunk: list[Sample], workers: int) -> Iterator[str]:
    """The judge's outcome of each sample's reference, in order; "passed" for a question."""
    programs = [
        Program(f"{sample.family}/{number}", sample.program, sample.test_code, sample.entry_point)
        for number, sample in enumerate(chunk)
        if sample.type != "qa"
    ]
    verdicts = judge(programs, workers=workers, timeout=_TIMEOUT, memory_mb=_MEMORY_MB)
    for sample in chunk:
        if sample.type == "qa":
            yield "passed"
            continue
        verdict = next(verdicts)
        # Left out, it would make the rows depend on the machine.
        if verdict.outcome in _TRANSIENT:
            raise StageError(
                f"synthetic sample {verdict.task_id}: {verdict.outcome} in the judge "
                f"({verdict.detail}); run ingest again, it goes on from here"
            )
        yield verdict.outcome


def _row(sample: Sample, image: bytes | None) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(sample, name) for name in TEXT_COLUMNS}
    row["image"] = None if image is None else {"bytes": image, "path": None}
    return row
