"""judge NAME: one model's completions → a verdict on every program. Executes code; CPU only."""

import sys
from collections import Counter

from ketune.calibration.record import read_calibration
from ketune.params import load_params
from ketune.params.baselines import load_baseline
from ketune.paths import CALIBRATION, COMPLETIONS, FINETUNED, VERDICTS, record
from ketune.runtime import StageError, file_sha256, stage_main, write_json
from ketune.tasks.benchmarks import applicable, load_tasks
from ketune.tasks.completions import read_completions
from ketune.tasks.records import write_records
from ketune.verdicts.completions import judged_completions
from ketune.verdicts.judging import provenance


def main() -> None:
    """Judge one model's completions; what an interrupted run finished is not executed again."""
    if len(sys.argv) != 2:
        raise StageError("usage: python -m stages.judge NAME, of data/completions/NAME.jsonl")
    name = sys.argv[1]
    params = load_params()
    tasks = load_tasks(params.benchmarks)
    answered = tasks if name == FINETUNED else applicable(tasks, load_baseline(name)[1])
    path = COMPLETIONS / f"{name}.jsonl"
    with judged_completions(
        answered,
        read_completions(path),
        params.evaluation,
        name,
        calibration=read_calibration(CALIBRATION),
    ) as verdicts:
        counts = Counter(verdict["outcome"] for verdict in verdicts if verdict["outcome"])
        made_from = provenance(params.evaluation) | {"completions_sha256": file_sha256(path)}
        judged = VERDICTS / f"{name}.jsonl"
        outcomes = dict(sorted(counts.items()))
        write_json(record(judged), {"outcomes": outcomes, "provenance": made_from})
        write_records(judged, verdicts)
    print(f"{name}: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))


if __name__ == "__main__":
    stage_main(main)
