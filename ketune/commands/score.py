"""score FILE: completions from elsewhere → the same figures as evaluate's, without the graph.

Needs the judge and the benchmark files: no GPU, no ms-swift, no torch. The rules, limits and
benchmarks are those of params.yaml.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from ketune.calibration.record import Calibration, is_scorable, read_calibration
from ketune.commands.subset import Subset
from ketune.generation.imported import answered, import_completions, read_rows
from ketune.params import Baseline, Benchmark, load_params
from ketune.paths import CALIBRATION
from ketune.runtime import StageError, file_sha256, versions, write_json
from ketune.scoring.outcomes import score
from ketune.scoring.summary import summarise
from ketune.tasks.benchmarks import Task, applicable, load_tasks
from ketune.tasks.records import write_records
from ketune.verdicts.completions import judged_completions
from ketune.verdicts.judging import provenance

_PASS_AT = {1, 5, 10}
_SLICES = ("all", "scorable", "text", "multimodal", "multimodal_blank_images")


def main(argv: Sequence[str] | None = None) -> None:
    """Score one file; print the table, write outcomes and figures beside it or to --out."""
    arguments = _parser().parse_args(argv)
    path: Path = arguments.file
    params = load_params(_root())
    benchmarks = _benchmarks(path, params.benchmarks, arguments.benchmark)
    baseline = Baseline(multimodal=not arguments.text_only)
    applicable_tasks = applicable(load_tasks(benchmarks), baseline)
    tasks = answered(path, applicable_tasks) if arguments.subset else applicable_tasks
    subset = Subset(tasks, applicable_tasks) if arguments.subset else None
    completions = import_completions(path, tasks)
    samples = 1 + max(completion["sample"] for completion in completions)
    evaluation = params.evaluation.model_copy(
        update={
            "stitching": arguments.stitching or params.evaluation.stitching,
            "pass_at": sorted(k for k in _PASS_AT | {*params.evaluation.pass_at} if k <= samples),
        }
    )
    calibration, note = _calibration(benchmarks, tasks)
    name = _name(path)
    directory: Path = arguments.out or path.parent
    _check_writable(directory)
    rows, scores = (directory / f"{name}.{end}" for end in ("outcomes.jsonl", "scores.json"))
    with judged_completions(
        tasks, completions, evaluation, name, calibration=calibration
    ) as verdicts:
        outcomes = score(tasks, completions, verdicts, calibration)
        figures = summarise(outcomes, evaluation.pass_at)
        made_from = {
            "judge": provenance(evaluation),
            "completions_sha256": file_sha256(path),
            "calibration_sha256": file_sha256(CALIBRATION) if calibration else None,
            "versions": versions("rouge-score", "sacrebleu"),
        }
        part = {"subset": subset.counts()} if subset else {}
        write_records(rows, outcomes)
        write_json(scores, figures | part | {"provenance": made_from})
    lines = [*_table(figures, evaluation.pass_at, subset)]
    lines += [_of_all(line, subset) for line in (note, f"{rows}, {scores}")]
    print("\n".join(lines))


def _root() -> Path:
    """Where params.yaml lies: here, or in the installed release where this is no clone."""
    here, release = Path(), Path(sys.prefix) / "share" / "ketune"
    if (here / "params.yaml").is_file() or not (release / "params.yaml").is_file():
        return here
    print(f"no params.yaml here: rules and limits are those of {release}/params.yaml")
    return release


def _check_writable(directory: Path) -> None:
    """Raise StageError now where the figures could not be written when all is judged."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=directory).close()
    except OSError as error:
        raise StageError(
            f"{directory}: cannot be written ({error.strerror}); give another by --out DIR"
        ) from None


def _name(path: Path) -> str:
    """The file's name without what says its format."""
    name = path.name
    for ending in (".gz", ".bz2", ".xz", ".jsonl", ".ndjson", ".json"):
        name = name.removesuffix(ending)
    return name or path.name


def _of_all(line: str, subset: Subset | None) -> str:
    return f"{line} ({subset.of()})" if subset else line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ketune score",
        description="Score completions produced elsewhere: JSON Lines or an array of task_id, "
        "completion and, for several samples a task, sample (from 0); .gz is read as well.",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--benchmark",
        action="append",
        metavar="NAME[=FILE]",
        help="of params.yaml, for task ids that do not start with it; FILE holds its tasks "
        "where they lie elsewhere than params.yaml says; may be repeated",
    )
    parser.add_argument(
        "--subset",
        action="store_true",
        help="score the tasks that FILE answers, and say in every line how many of how many",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: beside FILE")
    parser.add_argument(
        "--stitching",
        choices=("ketune", "seed"),
        help="rules that turn a completion into a program; default: params.yaml's",
    )
    parser.add_argument(
        "--text-only", action="store_true", help="the model reads no images: leave such tasks out"
    )
    return parser


def _benchmarks(
    path: Path, known: Sequence[Benchmark], asked: Sequence[str] | None
) -> list[Benchmark]:
    """Those asked for, else those that the task ids of the file name."""
    by_name = {benchmark.name: benchmark for benchmark in known}
    files: dict[str, str] = {}
    for entry in asked or ():
        name, given, file = entry.partition("=")
        if name not in by_name:
            raise StageError(f"--benchmark {name}: params.yaml has {', '.join(by_name)}")
        if name in files:
            raise StageError(f"--benchmark {name}: given twice; give one file of its tasks")
        if given and by_name[name].path is None:
            raise StageError(f"--benchmark {entry}: {name} is the prepared test split, not a file")
        if given and not Path(file).is_file():
            raise StageError(f"--benchmark {entry}: no such file; give that of {name}'s tasks")
        files[name] = file
    rows = (row for _, row in read_rows(path) if isinstance(row, dict))
    named = {str(row.get("task_id")).partition("/")[0] for row in rows}
    if chosen := [b for name, b in by_name.items() if name in (files or named)]:
        return [b.model_copy(update={"path": files.get(b.name) or b.path}) for b in chosen]
    raise StageError(
        f"{path}: no task_id starts with a benchmark's name; say which they are of: "
        f"--benchmark {' or '.join(by_name)}"
    )


def _calibration(
    benchmarks: Sequence[Benchmark], tasks: Sequence[Task]
) -> tuple[Calibration | None, str]:
    """The calibration, if there is one of these benchmarks, and what to say of it."""
    if CALIBRATION.is_file():
        calibration = read_calibration(CALIBRATION)
        if all(benchmark.name in calibration for benchmark in benchmarks):
            unscorable = sum(not is_scorable(calibration, task) for task in tasks)
            return calibration, f"{unscorable} tasks are not scorable, by {CALIBRATION}."
    return None, (
        "Not calibrated: tasks that no solution passes here count as failed, and every task has "
        "the same limit. `dvc repro calibrate` tells them."
    )


def _table(figures: dict[str, Any], pass_at: Sequence[int], subset: Subset | None) -> Iterator[str]:
    for benchmark, parts in figures.items():
        for kind, keys in (
            ("code", [(f"pass@{k}", f"pass_at_{k}") for k in pass_at]),
            ("qa", [("ROUGE-L", "rouge_l"), ("BLEU-4", "bleu")]),
        ):
            slices = parts.get(kind, {})
            whole = slices.get("all", {}).get("tasks")
            shown = {
                name: slices[name]
                for name in _SLICES
                # A part that is the whole says nothing of its own.
                if name in slices and (name == "all" or slices[name]["tasks"] != whole)
            }
            if len(pictures := slices.get("by_image_type", {})) > 1:
                shown |= pictures
            shown |= slices.get("by_category", {}) | slices.get("by_difficulty", {})
            for name, part in shown.items():
                cells = [f"{title} {_rate(part, key)}" for title, key in keys]
                tasks = f"{part['tasks']:5} tasks"
                if subset:
                    tasks = subset.of(benchmark, kind, name, part["tasks"])
                yield f"{benchmark:22} {kind:4} {name:32} {tasks}  " + "  ".join(cells)
        if "outcomes" in parts:
            counts = ", ".join(f"{name} {count}" for name, count in parts["outcomes"].items())
            line = f"{benchmark:22} outcomes: {counts}"
            yield f"{line} ({subset.of(benchmark, 'code')})" if subset else line


def _rate(part: dict[str, float], key: str) -> str:
    rate, low, high = (100 * part[name] for name in (key, f"{key}_low", f"{key}_high"))
    return f"{rate:5.1f} % [{low:.1f}, {high:.1f}]"
