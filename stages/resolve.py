"""resolve [NAME]: the base model, or a baseline's → models/, the commit or digest it stands for.

A branch of the hub moves. Every later stage takes the commit that was found here, until the model
or its revision changes or `dvc repro --force --single-item resolve` asks the hub again. Beside the
record lies a link to a local model, so that DVC sees edits of its files.
"""

import sys
from pathlib import Path

from ketune.devices.device import require_device
from ketune.models.locate import Resolved, model_directory, resolve_model
from ketune.params import load_params
from ketune.params.baselines import load_baseline
from ketune.paths import BASELINES, RESOLVED, WEIGHTS
from ketune.runtime import StageError, link_directory, stage_main, write_json


def main() -> None:
    """Write models/base.json, or models/baselines/NAME.json."""
    if len(sys.argv) == 1:
        params = load_params()
        require_device(params)
        resolved = resolve_model(params.model, params.model_revision)
        _write(RESOLVED, WEIGHTS, resolved)
    elif len(sys.argv) == 2:
        _resolve_baseline(sys.argv[1])
    else:
        raise StageError("usage: python -m stages.resolve, or with a name of baselines/")


def _resolve_baseline(label: str) -> None:
    params, baseline = load_baseline(label)
    resolved = None
    if baseline.completions is None and params.generation.backend != "openai":
        resolved = resolve_model(params.model, params.model_revision, RESOLVED)
    else:
        print(f"{label}: answers come from elsewhere; there are no weights to find")
    _write(BASELINES / f"{label}.json", BASELINES / label, resolved)


def _write(record: Path, link: Path, resolved: Resolved | None) -> None:
    write_json(record, resolved)
    directory = None
    if resolved is not None:
        directory = model_directory(resolved["model"])
        print(f"{resolved['model']} at {resolved['model_revision']} is {resolved['digest'][:12]}")
    link_directory(link, directory)


if __name__ == "__main__":
    stage_main(main)
