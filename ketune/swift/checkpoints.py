"""Sealed checkpoints: flushed to the disk with a hash of each file, checked before a resume.

The training process seals them (ketune/training/plugins/guard.py), the stage reads them.
`checkpoint-N` was saved on schedule. `interrupted-N` was saved because the run was stopped: its
other name keeps it out of the trainer's choice of the best checkpoint and of its rotation.
"""

import json
import os
import re
import shutil
from pathlib import Path

from ketune.runtime import file_sha256

SEAL = "sealed.json"
# In a run's directory: training has done a step / the stage asks for a checkpoint and the end.
TRAINING, STOP = "training", "stop"
_STATE = "trainer_state.json"
_NAME = re.compile(r"(checkpoint|interrupted)-(\d+)")


def seal(directory: Path) -> None:
    """Flush a checkpoint to the disk, then state the size and SHA-256 of each of its files."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    for path in files:
        _flush(path)
    for path in {directory, *(path.parent for path in files)}:
        _flush(path)
    described = {
        str(path.relative_to(directory)): [path.stat().st_size, file_sha256(path)] for path in files
    }
    fresh = directory / f".{SEAL}"
    fresh.write_text(json.dumps(described), encoding="utf-8")
    _flush(fresh)
    fresh.replace(directory / SEAL)
    _flush(directory)
    _flush(directory.parent)


def defect(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint, None when a run can go on from it.

    A run also needs the best checkpoint so far, which it publishes if nothing better follows.
    """
    if found := _damage(checkpoint):
        return found
    state = json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
    best = state["best_model_checkpoint"]
    if best is not None and _damage(checkpoint.parent / Path(best).name):
        return f"the best checkpoint before it, {Path(best).name}, is not whole"
    return None


def last_checkpoint(directory: Path) -> Path | None:
    """The latest checkpoint of a run that is whole. Later ones are removed, and the user told."""
    for path in _checkpoints(directory):
        found = defect(path)
        if found is None:
            return path
        print(f"{path.name} is left out: {found}", flush=True)
        shutil.rmtree(path)
    return None


def saved_step(directory: Path) -> int | None:
    """The step of a run's latest sealed checkpoint, without reading its files."""
    sealed = [path for path in _checkpoints(directory) if (path / SEAL).is_file()]
    return step_of(sealed[0]) if sealed else None


def step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _checkpoints(directory: Path) -> list[Path]:
    """Latest first; of two of one step the scheduled one, which may be the best."""
    found = [path for path in directory.glob("*-*") if _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: (-step_of(path), path.name))


def _damage(checkpoint: Path) -> str | None:
    try:
        described = json.loads((checkpoint / SEAL).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "it was not written to its end"
    except json.JSONDecodeError:
        return f"its {SEAL} is damaged"
    for name, (size, digest) in described.items():
        path = checkpoint / name
        if not path.is_file():
            return f"its {name} is missing"
        if path.stat().st_size != size or file_sha256(path) != digest:
            return f"its {name} is damaged"
    return None


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
