"""pr BASE: the comment of a pull request, from the results of its two sides.

ketune pr main                # HEAD against main, by the results that their commits hold
ketune pr main --run          # both at laptop scale; what has not run yet runs now, in clones
ketune pr main rank-64        # an experiment against main
"""

import argparse
import csv
import io
from collections.abc import Sequence

from ketune.comparison import Comparison, compare
from ketune.paths import EVAL_CURVE, FINETUNED, SLICES
from ketune.reporting.pull_request import Changes, Missing, Side, render, render_missing
from ketune.revisions.experiments import Experiment, git, is_complete, read_file, read_lock, resolve
from ketune.revisions.identity import other_judge, unlike
from ketune.revisions.laptop import laptop_run, make_laptop_run
from ketune.revisions.outcomes import read_outcomes
from ketune.revisions.runs import flat_params, read_figures
from ketune.runtime import StageError

TEST_SPLIT = "dataset"


def main(argv: Sequence[str] | None = None) -> None:
    """Print the comment."""
    parser = argparse.ArgumentParser(
        prog="ketune pr",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("base", help="the revision that the pull request is against")
    parser.add_argument("head", nargs="?", default="HEAD", help="a revision or experiment (HEAD)")
    parser.add_argument("--run", action="store_true", help="make missing results, at laptop scale")
    arguments = parser.parse_args(argv)
    asked = [resolve(name) for name in (arguments.base, arguments.head)]
    if arguments.run:
        sides = [laptop_run(one.commit) or make_laptop_run(one.commit) for one in asked]
    else:
        sides = _with_results(asked)
    changes = Changes(_files(*asked), _stages(*sides))
    missing = [one.name for one, side in zip(asked, sides, strict=True) if not _is_done(side)]
    if missing:
        commands = [f"ketune pr {arguments.base} {arguments.head} --run   # laptop scale"]
        notes = [Missing(name, [*_full_scale(name), *commands]) for name in missing]
        print(render_missing(notes, changes), end="")
        return
    base, head = (_side(one.name, side) for one, side in zip(asked, sides, strict=True))
    comparison, reasons = _compare(base, head, sides)
    caution = other_judge(base.metrics, head.metrics)
    print(render(base, head, changes, comparison, reasons or [caution] * bool(caution)), end="")


def _with_results(asked: Sequence[Experiment]) -> list[Experiment]:
    """What the commits hold themselves where both do, else their runs at laptop scale if any."""
    if all(map(_is_done, asked)):
        return list(asked)
    return [laptop_run(one.commit) or one for one in asked]


def _is_done(side: Experiment) -> bool:
    return is_complete(side, "evaluate")


def _full_scale(name: str) -> list[str]:
    return [f"git checkout {name} && dvc repro && git add -A && git commit   # its own scale"]


def _compare(
    base: Side, head: Side, sides: Sequence[Experiment]
) -> tuple[Comparison | None, list[str]]:
    if reasons := unlike(base.metrics, head.metrics):
        return None, reasons
    try:
        return compare(*(read_outcomes(side.commit) for side in sides)), []
    except (ValueError, StageError) as error:
        return None, [str(error)]


def _side(name: str, run: Experiment) -> Side:
    figures = read_figures(run)
    losses = {
        int(float(row["step"])): float(row["eval_loss"])
        for row in _table(run, EVAL_CURVE.as_posix())
        if row["eval_loss"]
    }
    categories = {
        row["category"]: float(row["pass_at_1"])
        for row in _table(run, (SLICES / f"{FINETUNED}.csv").as_posix())
        if row["benchmark"] == TEST_SPLIT
        and row["category"] != "all"
        and (row["type"], row["modality"]) == ("all", "all")
    }
    return Side(name, flat_params(run), figures.metrics, figures.rates, losses, categories)


def _table(run: Experiment, path: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(read_file(run, path) or "")))


def _files(base: Experiment, head: Experiment) -> list[str]:
    """Files that the head changed since it left the base, but for results."""
    names = git("diff", "--name-only", f"{base.commit}...{head.commit}").splitlines()
    results = ("metrics/", "dvc.lock", "models/", "data/")
    return [name for name in names if not name.startswith(results)]


def _stages(base: Experiment, head: Experiment) -> dict[str, list[str]]:
    """{stage: what of its dependencies, parameters or command differs} by the two locks, {} where
    one side has none: then there is nothing to differ from."""
    before, after = read_lock(base), read_lock(head)
    if not before:
        return {}
    changed = {}
    for name, stage in after.items():
        old = before.get(name, {})
        deps, old_deps = (
            {dep["path"]: dep.get("md5") for dep in one.get("deps", [])} for one in (stage, old)
        )
        params, old_params = (
            {key: v for file in one.get("params", {}).values() for key, v in file.items()}
            for one in (stage, old)
        )
        inputs = [path for path in deps if deps[path] != old_deps.get(path)]
        inputs += [key for key in params if params[key] != old_params.get(key)]
        if inputs:
            changed[name] = inputs
    return changed
