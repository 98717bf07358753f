"""Stage ingest: put the rows of `data.source` into data/raw, whatever form they come in.

The only stage that may download data: from here on data/raw is what dvc.lock and the remote hold.
"""

import os
import tempfile
from pathlib import Path

from ketune.devices.device import require_device
from ketune.params import load_params
from ketune.params.schema import DataParams
from ketune.paths import RAW
from ketune.runtime import atomic_directory, stage_main, write_json
from ketune.sources.raw import write_provenance
from ketune.sources.sources import (
    Located,
    is_local,
    locate_directory,
    locate_hub,
    write_raw,
)
from ketune.tasks.kinds import SPLITS, Split

GENERATION = "generation.json"  # beside the rows: what the generator drew, kept and left out
DATA_ONLY = bool(os.environ.get("KETUNE_DATA_ONLY"))


def main() -> None:
    """Build data/raw whole, or fail with one line and leave it as it was."""
    params = load_params()
    data = params.data
    # A graph that cannot train here should not find out after the download.
    if data.source != "synthetic" and not is_local(data.source) and not DATA_ONLY:
        require_device(params)
    with atomic_directory(RAW) as directory, tempfile.TemporaryDirectory() as scratch:
        located = _locate(data, Path(scratch), directory)
        rows = write_raw(directory, located)
        write_provenance(
            directory,
            rows,
            source=data.source,
            revision=located.revision,
            commit=located.commit,
        )
    counts = ", ".join(f"{split} {rows[split]}" for split in SPLITS)
    print(f"{RAW}: {counts} rows from {data.source}")


def _locate(data: DataParams, scratch: Path, directory: Path) -> Located:
    if data.source == "synthetic":
        return _generate(data, scratch, directory)
    if is_local(data.source):
        return locate_directory(data.source)
    return locate_hub(data.source, data.revision)


def _generate(data: DataParams, scratch: Path, directory: Path) -> Located:
    # Imported here: the generator takes Qiskit, seconds that the other sources need not wait.
    from ketune.synthetic.generate import generate  # noqa: PLC0415

    counts: dict[Split, int] = {
        "train": data.synthetic_train,
        "validation": data.synthetic_validation,
        "test": data.synthetic_test,
    }
    workers = len(os.sched_getaffinity(0))
    report = generate(counts, seed=data.seed, workers=workers, directory=scratch)
    write_json(directory / GENERATION, report)
    return locate_directory(str(scratch))


if __name__ == "__main__":
    stage_main(main)
