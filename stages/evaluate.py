"""evaluate NAME: a model's completions and verdicts → figures with intervals. Executes nothing."""

import sys
from collections import Counter

from ketune.calibration.record import read_calibration
from ketune.params import load_params
from ketune.params.baselines import load_baseline
from ketune.paths import (
    CALIBRATION,
    COMPLETIONS,
    FINETUNED,
    METRICS,
    OUTCOMES,
    SLICES,
    VERDICTS,
    record,
)
from ketune.runtime import StageError, file_sha256, stage_main, versions, write_json
from ketune.scoring.headline import headline
from ketune.scoring.outcomes import score
from ketune.scoring.slices import write_slices
from ketune.scoring.summary import summarise
from ketune.tasks.benchmarks import applicable, load_tasks
from ketune.tasks.completions import read_completions
from ketune.tasks.records import write_records
from ketune.verdicts.records import read_verdicts


def main() -> None:
    """Score one model; write its outcomes, metrics and slices, and their record."""
    if len(sys.argv) != 2:
        raise StageError("usage: python -m stages.evaluate NAME, of data/completions/NAME.jsonl")
    name = sys.argv[1]
    params = load_params()
    tasks = load_tasks(params.benchmarks)
    answered = tasks if name == FINETUNED else applicable(tasks, load_baseline(name)[1])
    completions, verdicts = (folder / f"{name}.jsonl" for folder in (COMPLETIONS, VERDICTS))
    outcomes = score(
        answered,
        read_completions(completions),
        read_verdicts(verdicts),
        read_calibration(CALIBRATION),
    )
    other = Counter(task.benchmark for task in set(tasks) - set(answered))
    figures = summarise(outcomes, params.evaluation.pass_at)
    known = figures | {
        "not_applicable": dict(sorted(other.items())),
        "provenance": {
            "completions_sha256": file_sha256(completions),
            "verdicts_sha256": file_sha256(verdicts),
            "calibration_sha256": file_sha256(CALIBRATION),
            "versions": versions("rouge-score", "sacrebleu"),
        },
    }
    slices = SLICES / f"{name}.csv"
    write_json(record(slices), known)
    own = name == FINETUNED
    rates = headline(figures, views=own)
    # The names of all files differ, so that `dvc exp show` needs no path to tell them apart.
    metrics = {
        key if own else f"{name}_{key}": round(rate.estimate, 2) for key, rate in rates.items()
    }
    write_json(METRICS / f"{name}.json", metrics)
    write_slices(slices, name, outcomes)
    write_records(OUTCOMES / f"{name}.jsonl", outcomes)


if __name__ == "__main__":
    stage_main(main)
