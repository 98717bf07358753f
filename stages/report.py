"""report: one page, the fine-tuned model beside its baselines and the published figures."""

import csv
from collections.abc import Iterable
from pathlib import Path

from ketune.comparison import as_markdown, compare
from ketune.params import load_params, read_yaml
from ketune.params.profile import held_profile
from ketune.params.schema import TAKEN
from ketune.paths import (
    ADAPTER,
    BASE,
    CALIBRATION,
    CATEGORY_PLOT,
    EVAL_CURVE,
    FINETUNED,
    LOSS_PLOT,
    MERGED,
    METRICS,
    OUTCOMES,
    PREPARED,
    PUBLISHED,
    REPORT,
    REPORT_METRICS,
    SLICES,
    TRAIN_CURVE,
    record,
)
from ketune.reporting.plots import draw_categories, draw_losses
from ketune.reporting.report import render
from ketune.runtime import StageError, atomic_open, read_json, read_jsonl, stage_main, write_json


def main() -> None:
    """Write metrics/report.md with its plots, and the scale of the run as a metric."""
    params = load_params()
    names = [*params.baselines, FINETUNED]
    remove_leftovers(names)
    records = {
        "data": read_json(record(PREPARED)),
        "train": read_json(record(ADAPTER)),
        "merge": read_json(record(MERGED)),
        "calibration": read_json(record(CALIBRATION)),
    }
    models = {name: read_json(record(SLICES / f"{name}.csv")) for name in names}
    try:
        text = render(params, models, records, read_yaml(PUBLISHED))
    except KeyError as error:
        raise StageError(
            f"no {error} in {PUBLISHED} or a record of what was made (*.record.json): another "
            "version wrote it; restore the file, or run its stage again with dvc repro --force"
        ) from None
    draw_losses(LOSS_PLOT, _rows(TRAIN_CURVE), _rows(EVAL_CURVE))
    draw_categories(CATEGORY_PLOT, {name: _rows(SLICES / f"{name}.csv") for name in names})
    text += f"\n![Convergence]({LOSS_PLOT.name})\n\n![pass@1 by category]({CATEGORY_PLOT.name})\n"
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
    write_json(REPORT_METRICS, {"profile": held_profile()})
    with atomic_open(REPORT) as file:
        file.write(text)
    print(f"{REPORT}: {', '.join(models)}")


def remove_leftovers(names: Iterable[str]) -> None:
    """Delete the outs of baselines that are no longer in params.yaml.

    This stage depends on the folders: DVC would record a hash of files that no stage makes now, and
    that no fresh clone can have. They stay in DVC's cache.

    Raises StageError, having deleted nothing, for a file or folder that no baseline's stages make.
    """
    kept = {".gitignore", *names}
    leftovers = []
    for folder, endings in ((OUTCOMES, {".jsonl"}), (SLICES, {".csv", ".record.json"})):
        for path in sorted(folder.glob("*")):
            name, dot, ending = path.name.partition(".")
            if path.name in kept or name in kept:
                continue
            if name in TAKEN or dot + ending not in endings or not path.is_file():
                raise StageError(
                    f"{path}: no stage of the graph makes it, and the report depends on its "
                    "folder; move it elsewhere"
                )
            leftovers.append(path)
    for path in leftovers:
        path.unlink()
        (METRICS / f"{path.name.partition('.')[0]}.json").unlink(missing_ok=True)
        print(f"{path} removed: no stage of the graph makes it now")


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise StageError(f"{path} not found; run the stage that makes it (dvc repro)")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, restkey=""))
    if not rows or any("" in row or None in row.values() for row in rows):
        raise StageError(f"{path}: empty or cut; run the stage that wrote it again")
    return rows


if __name__ == "__main__":
    stage_main(main)
