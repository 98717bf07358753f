"""A study's tables, shaped like the specification's: ours beside the published figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ketune.params import read_yaml
from ketune.params.profile import FULL, profiles, require_profile
from ketune.revisions.experiments import find, head
from ketune.runtime import StageError
from ketune.studies.definition import experiment_name, load_study
from ketune.studies.results import Result, read_result
from ketune.tables import aligned, markdown

_PUBLISHED = Path("published.yaml")
_SHOWN_STEPS = 6
_NEAR = 0.03  # an evaluation within this share of a published step counts as that step

Row = dict[str, Any]
Published = Mapping[str, Mapping[str, Any]]
_NOTHING_PUBLISHED: dict[str, Any] = {"runs": {}, "base_models": {}, "benchmarks": {}}
_PARTS = {"vision_tower": "vision tower", "aligner": "aligner", "llm": "LLM"}


@dataclass(frozen=True)
class Table:
    """Rows with the same keys. A key's format is that of `str.format`; text and null have none."""

    title: str
    rows: list[Row]
    formats: dict[str, str]


@dataclass(frozen=True)
class Tables:
    """The tables and remarks of a study at one profile."""

    study: str
    profile: str
    tables: list[Table]
    remarks: list[str]


def tabulate(name: str, profile: str | None) -> Tables:
    """Tables of a study's experiments; of the first profile that has any when None.

    Raises StageError: no such study or profile, or no experiment of the study.
    """
    study, runs = load_study(name)
    if profile is not None:
        require_profile(profile)
    for candidate in profiles() if profile is None else [profile]:
        found = {run: find(experiment_name(run, candidate)) for run in runs}
        if any(found.values()):
            break
    else:
        raise StageError(f"study {name}: no experiment of it yet; run `ketune study run {name}`")
    results = [read_result(run, experiment) for run, experiment in found.items()]
    # Published figures are the 8B model's: at another scale they compare nothing.
    published = read_yaml(_PUBLISHED) if candidate == FULL else _NOTHING_PUBLISHED
    tables = [
        Table("Results", *_results(results, study.reference, published)),
        Table("eval_loss by step", *_convergence(results, published["runs"])),
        Table("By epoch", *_epochs(results, published["runs"])),
    ]
    kept = [table for table in tables if table.rows]
    return Tables(name, candidate, kept, _remarks(results))


def as_json(tables: Tables) -> str:
    """Every figure, unrounded."""
    return json.dumps(asdict(tables), indent=2, ensure_ascii=False) + "\n"


def as_markdown(tables: Tables) -> str:
    """Tables for a pull request."""
    lines = [f"# Study {tables.study}, profile {tables.profile}"]
    for table in tables.tables:
        lines += ["", f"## {table.title}", "", *markdown(_cells(table))]
    return "\n".join([*lines, "", *(f"- {remark}" for remark in tables.remarks)]) + "\n"


def as_text(tables: Tables) -> str:
    """The same in aligned columns."""
    lines = [f"study {tables.study}, profile {tables.profile}"]
    for table in tables.tables:
        lines += ["", table.title, *aligned(_cells(table))]
    return "\n".join([*lines, "", *tables.remarks]) + "\n"


def _cells(table: Table) -> list[list[str]]:
    """Header and rows as text, without the columns that no row fills."""
    columns = [key for key in table.rows[0] if any(row[key] is not None for row in table.rows)]
    body = [[_cell(row[key], table.formats.get(key, "")) for key in columns] for row in table.rows]
    return [columns, *body]


def _cell(value: Any, form: str) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else format(value, form)


def _results(
    results: Sequence[Result], reference: str, published: Mapping[str, Any]
) -> tuple[list[Row], dict[str, str]]:
    time = f"step time / {reference}"
    base = next(result for result in results if result.run == reference)
    rows = []
    for result in results:
        theirs = published["runs"].get(result.run, {})
        final, seconds = theirs.get("final", {}), published["runs"].get(reference, {})
        row = {
            "run": result.run,
            "scaling": result.get("train", "effective_scaling"),
            "trainable": result.get("train", "trainable_parameters"),
            "in": _where(result.get("train", "adapter_parameters")),
            "s/step": result.get("train", "step_seconds_median"),
            time: _ratio(
                result.get("train", "step_seconds_median"), base.get("train", "step_seconds_median")
            ),
            "eval_loss": result.get("train", "eval_loss"),
            "token acc": result.get("train", "eval_token_acc"),
            "train loss": result.get("train", "train_loss"),
            "gap": result.get("train", "overfitting_gap"),
            "best step": result.get("train", "best_step"),
            "final eval_loss": result.get("train", "final", "eval_loss"),
            "rise %": result.get("train", "eval_loss_rise_percent"),
            "merge: adapter share": result.get("merge", "adapter_share", "share"),
            "merge: logits": result.get("merge", "largest_logit_difference"),
            "merge: top-1": result.get("merge", "top1_agreement"),
            "merge: eval_loss": result.get("merge", "eval_loss", "merged"),
            **_pass_rates(results, result, published),
            "published eval_loss": final.get("eval_loss"),
            "published token acc": final.get("eval_token_acc"),
            "published train loss": final.get("train_loss"),
            "published time": _ratio(theirs.get("train_runtime"), seconds.get("train_runtime")),
            "published pass@1 qiskit_humaneval, base": published["base_models"].get(result.run),
        }
        rows.append(row)
    formats = dict.fromkeys(rows[0], ".4f") | {
        "scaling": ".4g",
        "trainable": ",",
        "s/step": ".3g",
        time: ".2f",
        "best step": "",
        "rise %": "+.1f",
        "merge: logits": ".1e",
        "merge: top-1": ".2%",
        "published time": ".2f",
    }
    return rows, formats | {key: ".1f" for key in rows[0] if "pass@1" in key}


def _where(parts: Mapping[str, int] | None) -> str | None:
    return " + ".join(_PARTS[part] for part, count in parts.items() if count) if parts else None


def _ratio(value: float | None, reference: float | None) -> float | None:
    return value / reference if value and reference else None


def _pass_rates(results: Sequence[Result], own: Result, published: Mapping[str, Any]) -> Row:
    """pass@1 in percent of the fine-tuned and of the base model, on every benchmark with code."""
    rates = {}
    for stage, label in (("evaluate", ""), ("evaluate_baseline@base", ", base")):
        names = [name for result in results for name in result.metrics.get(stage, {})]
        for name in dict.fromkeys(names):
            if any(result.get(stage, name, "code") for result in results):
                rate = own.get(stage, name, "code", "all", "pass_at_1")
                rates[f"pass@1 {name}{label}"] = None if rate is None else 100 * rate
            if stage == "evaluate":
                theirs = published["benchmarks"].get(name, {})
                figures = theirs.get("pass_at_1") or theirs.get("code_pass_at_1") or {}
                rates[f"published pass@1 {name}"] = figures.get(own.run)
    return rates


def _convergence(
    results: Sequence[Result], published: Published
) -> tuple[list[Row], dict[str, str]]:
    theirs = {run: published.get(run, {}).get("eval_loss_by_step", {}) for run in _runs(results)}
    evaluated = sorted({step for result in results for step in result.curve if step})
    steps = sorted({step for by_step in theirs.values() for step in by_step}) or _thin(evaluated)
    rows = []
    for step in steps:
        row: Row = {"step": step}
        for result in results:
            row[result.run] = _near(result.curve, step)
            row[f"{result.run}, published"] = theirs[result.run].get(step)
        rows.append(row)
    return rows, {key: ".4f" for row in rows for key in row if key != "step"}


def _thin(steps: Sequence[int]) -> list[int]:
    """At most `_SHOWN_STEPS` of the steps, evenly, the first and the last among them."""
    if len(steps) <= _SHOWN_STEPS:
        return list(steps)
    last = len(steps) - 1
    return [steps[round(i * last / (_SHOWN_STEPS - 1))] for i in range(_SHOWN_STEPS)]


def _near(curve: Mapping[int, float], step: int) -> float | None:
    nearest = min(curve, key=lambda evaluated: abs(evaluated - step), default=None)
    return curve[nearest] if nearest and abs(nearest - step) <= _NEAR * step else None


def _epochs(results: Sequence[Result], published: Published) -> tuple[list[Row], dict[str, str]]:
    """A row for every epoch's end of the runs with several, with the change since the last one."""
    figures = ("train_loss", "train_token_acc", "eval_loss", "eval_token_acc")
    rows = []
    for result in results:
        ends = result.get("train", "epochs") or {}
        theirs = published.get(result.run, {}).get("epochs", {})
        for epoch in ends if len(ends) > 1 else ():
            end, before = ends[epoch], ends.get(str(int(epoch) - 1), {})
            row: Row = {"run": result.run, "epoch": epoch, "step": end["step"]}
            for figure in figures:
                row[figure] = end[figure]
                row[f"{figure} %"] = _change(end[figure], before.get(figure))
            row |= {f"published {key}": theirs.get(int(epoch), {}).get(key) for key in figures}
            rows.append(row)
    formats = {key: "+.1f" if key.endswith("%") else ".4f" for row in rows for key in row}
    return rows, formats | {"step": ""}


def _change(value: float | None, before: float | None) -> float | None:
    return 100 * (value / before - 1) if value is not None and before else None


def _runs(results: Sequence[Result]) -> list[str]:
    return [result.run for result in results]


def _remarks(results: Sequence[Result]) -> list[str]:
    remarks = [
        "eval_loss, token acc, train loss and gap are at the best step, whose checkpoint is the "
        "adapter; final eval_loss is the curve's end, which published figures are. merge: the "
        "merged model against base and adapter; adapter share is of the layer "
        "where it is furthest from 1."
    ]
    if missing := [result.run for result in results if result.experiment is None]:
        remarks.append(f"no experiment at this profile: {', '.join(missing)}")
    current = head()
    for result in results:
        if result.experiment is not None and result.experiment.baseline != current:
            remarks.append(f"{result.run} was run on commit {result.experiment.baseline[:9]}")
    devices = {result.get("train", "provenance", "device") for result in results} - {None}
    if len(devices) > 1:
        remarks.append(f"step times are of different devices: {', '.join(sorted(devices))}")
    there = [result.experiment.name for result in results if result.experiment is not None]
    if len(there) > 1:
        remarks.append(f"curves: dvc plots diff {' '.join(there)} --targets loss token_accuracy")
    return remarks
