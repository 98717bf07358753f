"""report: one page, the fine-tuned model beside its baselines and the published figures."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ketune.comparison import as_markdown, compare
from ketune.params import load_params, read_yaml
from ketune.paths import (
    BASE,
    CALIBRATION_METRICS,
    DATA_METRICS,
    EVALUATE_METRICS,
    FINETUNED,
    MERGE_METRICS,
    OUTCOMES,
    PUBLISHED,
    REPORT,
    TRAIN_METRICS,
)
from ketune.reporting.report import render
from ketune.runtime import StageError, atomic_open, read_jsonl, stage_main


def main() -> None:
    """Write metrics/report.md."""
    params = load_params()
    names = [*params.baselines, FINETUNED]
    remove_leftovers(names)
    metrics = {
        "data": _read(DATA_METRICS),
        "train": _read(TRAIN_METRICS),
        "merge": _read(MERGE_METRICS),
        "calibration": _read(CALIBRATION_METRICS),
    }
    models = {name: _read(EVALUATE_METRICS / f"{name}.json") for name in names}
    text = render(params, models, metrics, read_yaml(PUBLISHED))
    if BASE in params.baselines:
        base, own = (read_jsonl(OUTCOMES / f"{name}.jsonl") for name in (BASE, FINETUNED))
        try:
            comparison = compare(base, own)
        except ValueError as error:
            raise StageError(
                f"{OUTCOMES}: {BASE} and {FINETUNED}: {error}; run evaluate again"
            ) from None
        text += "\n## Base (a) and fine-tuned (b) on the same tasks\n\n"
        text += as_markdown(comparison, "the base model", "the fine-tuned model")
    with atomic_open(REPORT) as file:
        file.write(text)
    print(f"{REPORT}: {', '.join(models)}")


def remove_leftovers(names: Iterable[str]) -> None:
    """Delete the outs of baselines that are no longer in params.yaml.

    This stage depends on the folders: DVC would record a hash of files that no stage makes now, and
    that no fresh clone can have. They stay in DVC's cache.
    """
    for folder, suffix in ((OUTCOMES, ".jsonl"), (EVALUATE_METRICS, ".json")):
        kept = {f"{name}{suffix}" for name in names} | {".gitignore"}
        for path in sorted(folder.glob("*")):
            if path.name not in kept:
                path.unlink()
                print(f"{path} removed: no stage of the graph makes it now")


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise StageError(f"{path} not found; run the stage that makes it (dvc repro)")
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return figures


if __name__ == "__main__":
    stage_main(main)
