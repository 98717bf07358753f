"""evaluate: completions → outcomes a task, figures with intervals. CPU only."""

import json
from pathlib import Path

from stages.completions.records import read_completions
from stages.completions.scoring import Outcome, score
from stages.completions.tasks import load_tasks
from stages.params import load_params
from stages.plots import write_categories
from stages.runtime import atomic_open, file_sha256, stage_main, versions, write_json
from stages.statistics import summarise

MODELS = ("base", "finetuned")
COMPLETIONS = Path("data/completions")
OUTCOMES = Path("data/outcomes")
METRICS = Path("metrics/evaluate.json")


def main() -> None:
    """Score both models on the same tasks and write outcomes, metrics and plot data."""
    params = load_params()
    tasks = load_tasks(params.benchmarks)
    metrics = {}
    for model in MODELS:
        completions = read_completions(COMPLETIONS / f"{model}.jsonl")
        outcomes = score(tasks, completions, params.evaluation, model)
        _write_outcomes(OUTCOMES / f"{model}.jsonl", outcomes)
        figures = summarise(outcomes, params.evaluation.pass_at)
        benchmark = "dataset" if "dataset" in figures else next(iter(figures))
        write_categories(Path(f"metrics/categories_{model}.csv"), figures[benchmark]["code"])
        metrics[model] = figures
    provenance = {
        "judge": {
            "isolation": "bubblewrap",
            "timeout_s": params.evaluation.timeout,
            "memory_mb": params.evaluation.memory_mb,
            "stitching": params.evaluation.stitching,
        },
        "completions_sha256": {m: file_sha256(COMPLETIONS / f"{m}.jsonl") for m in MODELS},
        "versions": versions("qiskit", "qiskit-aer", "rouge-score", "sacrebleu"),
    }
    write_json(METRICS, metrics | {"provenance": provenance})


def _write_outcomes(path: Path, outcomes: list[Outcome]) -> None:
    with atomic_open(path) as file:
        for outcome in outcomes:
            file.write(json.dumps(outcome, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    stage_main(main)
