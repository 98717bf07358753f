"""Stage prepare: data/raw to data/prepared in ms-swift's format, and metrics/data.json."""

import os
import shutil
from pathlib import Path

from stages.dataset.preparation import check_quarantine, prepare_rows
from stages.dataset.raw import SPLITS, read_provenance
from stages.dataset.statistics import refused_rows, summarise, usable_rows
from stages.params import load_params
from stages.runtime import atomic_directory, stage_main, versions, write_json

RAW = Path("data/raw")
PREPARED = Path("data/prepared")
METRICS = Path("metrics/data.json")
# Outside the stage's outs, which do not appear when it fails.
REFUSED = Path("data/quarantine.jsonl")


def main() -> None:
    """Build data/prepared whole, or fail with one line.

    When too many rows break the contract their report is left at data/quarantine.jsonl.
    """
    params = load_params()
    data = params.data
    REFUSED.unlink(missing_ok=True)
    with atomic_directory(PREPARED) as directory:
        counts, decided = prepare_rows(
            RAW,
            directory,
            published=PREPARED,
            data=data,
            benchmarks=params.benchmarks,
            workers=len(os.sched_getaffinity(0)),
        )
        shutil.copyfile(directory / "quarantine.jsonl", REFUSED)
        check_quarantine(counts, data.max_quarantine, REFUSED)
        REFUSED.unlink()
    summary = summarise(counts) | decided
    raw = read_provenance(RAW)
    provenance = {key: raw[key] for key in ("source", "revision", "commit")}
    provenance["versions"] = versions("pyarrow", "pillow", "pydantic")
    write_json(METRICS, summary | {"provenance": provenance})
    rows = ", ".join(f"{split} {usable_rows(counts, split)}" for split in SPLITS)
    print(f"{PREPARED}: {rows} rows; {refused_rows(counts)} in quarantine.jsonl")


if __name__ == "__main__":
    stage_main(main)
