"""runs: commits and experiments in one table, each with its changes, figures and verdict.

ketune runs                          # HEAD, and the experiments that derive from it
ketune runs rank-64 dora             # HEAD beside these
ketune runs --reference main --csv
"""

import argparse
import csv
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from ketune.revisions.experiments import derived, elsewhere, resolve
from ketune.revisions.runs import Run, read_runs
from ketune.runtime import StageError
from ketune.statistics import Interval
from ketune.tables import aligned, markdown

_CHANGES = 4  # a run in text and markdown; CSV and JSON have all


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="ketune runs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="*", help="experiments or revisions; all of HEAD's if none")
    parser.add_argument("--reference", default="HEAD", help="what verdicts are against (HEAD)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--md", action="store_true", help="markdown, for a pull request")
    form.add_argument("--csv", action="store_true", help="every headline figure, a row a run")
    form.add_argument("--json", action="store_true", help="the same, with intervals")
    arguments = parser.parse_args(argv)
    others = [resolve(name) for name in arguments.runs] or derived()
    if not arguments.runs and (left := elsewhere()):
        names = ", ".join([*left[:3], *["…"] * (len(left) > 3)])
        print(
            f"note: {len(left)} experiments derive from other commits; name them: {names}",
            file=sys.stderr,
        )
    runs = read_runs(resolve(arguments.reference), others)
    if not any(run.figures.metrics for run in runs):
        raise StageError(
            f"{arguments.reference} and its experiments have no results; run `dvc exp run`"
        )
    if arguments.json:
        print(json.dumps([_plain(run) for run in runs], indent=2))
    elif arguments.csv:
        print(_csv(runs), end="")
    else:
        print("\n".join(markdown(_cells(runs)) if arguments.md else aligned(_cells(runs))))


def _cells(runs: Sequence[Run]) -> list[list[str]]:
    rates = list(dict.fromkeys(name for run in runs for name in run.figures.main))
    header = ["run", "changed", "eval_loss", "gap", *rates, "verdict"]
    return [header, *(_row(run, rates) for run in runs)]


def _row(run: Run, rates: Sequence[str]) -> list[str]:
    more = [f"and {len(run.short) - _CHANGES} more"] if len(run.short) > _CHANGES else []
    losses = [run.figures.metrics.get(key) for key in ("eval_loss", "overfitting_gap")]
    return [
        run.name,
        " ".join([*run.short[:_CHANGES], *more]),
        *("" if value is None else f"{value:.4f}" for value in losses),
        *(_percent(run.figures.rates.get(name)) for name in rates),
        run.verdict,
    ]


def _names(runs: Sequence[Run]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.figures.rates))


def _percent(rate: Interval | None) -> str:
    return "" if rate is None else f"{rate.estimate:.1f} [{rate.low:.1f}, {rate.high:.1f}]"


def _csv(runs: Sequence[Run]) -> str:
    file = io.StringIO()
    metrics = list(dict.fromkeys(name for run in runs for name in run.figures.metrics))
    writer = csv.writer(file, lineterminator="\n")
    rates = [f"{name}{part}" for name in _names(runs) for part in ("", "_low", "_high")]
    writer.writerow(["run", "commit", "changed", *metrics, "runtime_s", *rates, "verdict"])
    for run in runs:
        changed = " ".join(f"{key}={after}" for key, (_, after) in run.changed.items())
        known = [run.figures.metrics.get(name) for name in metrics]
        figures = [x for name in _names(runs) for x in run.figures.rates.get(name, (None,) * 3)]
        writer.writerow(
            [run.name, run.commit, changed, *known, run.figures.runtime, *figures, run.verdict]
        )
    return file.getvalue()


def _plain(run: Run) -> dict[str, object]:
    rates = {name: rate._asdict() for name, rate in run.figures.rates.items()}
    plain = asdict(run) | {"figures": asdict(run.figures) | {"rates": rates}}
    del plain["short"]  # `changed` has it all
    return plain
