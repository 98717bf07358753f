"""Time the synthetic dataset's generation, and judge some of what it wrote once more.

    python -m benchmarks.synthetic --rows 20000 --out DIR

Prints wall and CPU seconds, what was left out and why, and how the rows are spread. A run that was
killed goes on when it is started again; its times are then those of the rest.
"""

import argparse
import os
import resource
import tempfile
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import psutil  # type: ignore[import-untyped]
import pyarrow.parquet as pq

from ketune.completions.context import trusted_context
from ketune.dataset.contract import reference_program
from ketune.judge import Program, judge
from ketune.sources.raw import raw_file
from ketune.synthetic.generate import generate
from ketune.tasks.benchmarks import Task
from ketune.tasks.kinds import SPLITS, Split

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}  # the published dataset's


def cpu_seconds() -> float:
    """User and system time of this process and all below it, dead or alive."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    # The judge's sandboxes live on, warm, and have waited for what ran in them.
    alive = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    total = sum(use.ru_utime + use.ru_stime for use in spent)
    for times in alive:
        total += times.user + times.system + times.children_user + times.children_system
    return total


def sizes(rows: int) -> dict[Split, int]:
    """Rows a split, `rows` in all."""
    counts = {split: round(rows * SHARES[split]) for split in SPLITS}
    counts["train"] += rows - sum(counts.values())
    return counts


def rejudge(directory: Path, rows: int, workers: int) -> Counter[str]:
    """Outcomes of `rows` random code rows as evaluation would judge them, from the files alone."""
    code: list[dict[str, Any]] = []
    for split in SPLITS:
        table = pq.read_table(raw_file(directory, split), columns=_COLUMNS)
        code += [row for row in table.to_pylist() if row["type"] != "qa"]
    chosen = Random(0).sample(code, min(rows, len(code)))
    programs = [_program(number, row) for number, row in enumerate(chosen)]
    outcomes: Counter[str] = Counter()
    for verdict in judge(programs, workers=workers, timeout=60.0, memory_mb=2048):
        outcomes[verdict.outcome] += 1
        if verdict.outcome != "passed":
            print(f"{verdict.outcome}: {verdict.detail}\n{programs[int(verdict.task_id)].code}")
    return outcomes


_COLUMNS = ["question", "answer", "type", "category", "test_code", "entry_point"]


def _program(number: int, row: dict[str, Any]) -> Program:
    task = Task(
        task_id=str(number),
        benchmark="dataset",
        type=row["type"],
        category=row["category"],
        question=row["question"],
        images=(),
        test_code=row["test_code"],
        entry_point=row["entry_point"],
        reference=row["answer"],
        multimodal=False,
    )
    program = reference_program(task.type, task.question, task.reference)
    return Program(task.task_id, program, task.test_code, task.entry_point, trusted_context(task))


def print_shares(name: str, counts: Counter[str]) -> None:
    """A table of counts and their shares, largest first."""
    total = sum(counts.values())
    print(f"\n{name}")
    for value, count in counts.most_common():
        print(f"  {value:<34}{count:>7,}{count / total:>9.2%}")


def main() -> None:
    """Generate, print the tables, judge again."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rejudge", type=int, default=200, help="rows judged again")
    parser.add_argument("--out", type=Path, help="keep the files there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        directory = options.out or Path(scratch)
        directory.mkdir(parents=True, exist_ok=True)
        began, used = time.perf_counter(), cpu_seconds()
        report = generate(sizes(options.rows), options.seed, options.workers, directory)
        wall, cpu = time.perf_counter() - began, cpu_seconds() - used
        splits = report["splits"]
        sizes_made = ", ".join(f"{name} {made['rows']:,}" for name, made in splits.items())
        print(f"rows       {sizes_made}")
        print(f"time       {wall:,.0f} s wall, {cpu:,.0f} s CPU, {options.workers} workers")
        speed = f"{options.rows / wall:.1f} rows/s"
        print(f"speed      {speed}, {1000 * cpu / options.rows:.0f} ms CPU a row")
        left_out: Counter[str] = Counter()
        for split in splits.values():
            for reason, families in split["rejected"].items():
                left_out[reason] += sum(families.values())
        drawn = options.rows + sum(left_out.values())
        for reason, count in sorted(left_out.items()):
            print(f"left out   {count:,} of {drawn:,} drawn ({count / drawn:.2%}): {reason}")
        failed = sum(left_out.values()) - left_out["duplicate"] - left_out["other_split"]
        print(f"rejected   {failed:,} by the judge ({failed / (options.rows + failed):.2%})")
        for name in ("category", "type", "family"):
            total: Counter[str] = Counter()
            for split in splits.values():
                total.update(split[name])
            print_shares(name, total)
        pictures = sum(split["pictures"] for split in splits.values())
        needed = sum(split["needs_image"] for split in splits.values())
        print_shares(
            "modality",
            Counter(
                {
                    "text": options.rows - pictures,
                    "picture, needed": needed,
                    "picture, told as well": pictures - needed,
                }
            ),
        )
        # In a process of its own, the judge starts afresh.
        with get_context("spawn").Pool(1) as pool:
            arguments = (directory, options.rejudge, options.workers)
            outcomes = pool.apply(rejudge, arguments)
    print(f"\njudged again: {dict(outcomes)}")


if __name__ == "__main__":
    main()
