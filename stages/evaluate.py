"""evaluate NAME: one model's completions → an outcome a task, figures with intervals. CPU only."""

import sys
from collections import Counter
from pathlib import Path

from ketune.completions.imported import applicable
from ketune.params import load_baseline, load_params
from ketune.runtime import StageError, stage_main, write_json
from ketune.scoring.slices import write_slices
from ketune.scoring.summary import summarise
from ketune.tasks.benchmarks import load_tasks
from ketune.tasks.completions import read_completions
from ketune.verdicts.calibration import read_calibration
from ketune.verdicts.outcomes import provenance, scored, write_outcomes

FINETUNED = "finetuned"
CALIBRATION = Path("data/calibration.json")
COMPLETIONS = Path("data/completions")
OUTCOMES = Path("data/outcomes")
METRICS = Path("metrics/evaluate")
SLICES = Path("metrics/slices")


def main() -> None:
    """Score one model's completions; write its outcomes, metrics and plot data."""
    if len(sys.argv) != 2:
        raise StageError("usage: python -m stages.evaluate NAME, of data/completions/NAME.jsonl")
    name = sys.argv[1]
    params = load_params()
    tasks = load_tasks(params.benchmarks)
    answered = tasks if name == FINETUNED else applicable(tasks, load_baseline(name)[1])
    path = COMPLETIONS / f"{name}.jsonl"
    completions = read_completions(path)
    calibration = read_calibration(CALIBRATION)
    with scored(
        answered, completions, params.evaluation, name, calibration=calibration
    ) as outcomes:
        figures = summarise(outcomes, params.evaluation.pass_at)
        other = Counter(task.benchmark for task in set(tasks) - set(answered))
        made_from = provenance(params.evaluation, path, CALIBRATION)
        rest = {"not_applicable": dict(sorted(other.items())), "provenance": made_from}
        write_json(METRICS / f"{name}.json", figures | rest)
        write_slices(SLICES / f"{name}.csv", name, outcomes)
        write_outcomes(OUTCOMES / f"{name}.jsonl", outcomes)


if __name__ == "__main__":
    stage_main(main)
