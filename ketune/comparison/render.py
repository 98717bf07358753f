"""A comparison as text, markdown or JSON."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ketune.comparison.pairs import MAIN_PARTS, Comparison, Row
from ketune.statistics import Interval
from ketune.tables import aligned, markdown

Changes = Mapping[str, Mapping[str, tuple[Any, Any]]]  # {"params": {key: (a's, b's)}, ...}

_MEASURES = {"rouge_l": "ROUGE-L", "bleu": "BLEU-4"}
_CHANGES = 20  # parameters, and metrics, that differ; JSON has all
_LISTED = 12  # ids of gained and lost tasks a row; JSON has all
_HEADER = (
    *("benchmark", "measure", "tasks", "a", "b", "b - a", "p", "p (Holm)"),
    *("detectable", "won", "lost"),
)
_NARROW = ("benchmark", "measure", "tasks", "a", "b", "b - a", "p (Holm)", "won", "lost")
_WIDTH = 100  # columns of a terminal


def as_text(comparison: Comparison, a: str, b: str, changes: Changes | None = None) -> str:
    """What else differs, aligned columns, a verdict a main row, and the tasks won and lost.

    A terminal's width has room for the interval of the difference alone; markdown has all.
    """
    lines = aligned([_NARROW, *map(_narrow, comparison.rows)])
    remarks = [
        line
        for remark in _remarks(comparison)
        for line in textwrap.wrap(remark, _WIDTH, break_on_hyphens=False)
    ]
    parts = [f"a = {a}, b = {b}", *_changed(changes), "", *lines, "", *remarks]
    return "\n".join(parts) + "\n"


def as_markdown(comparison: Comparison, a: str, b: str, changes: Changes | None = None) -> str:
    """The same as a markdown table, for a pull request."""
    lines = markdown([_HEADER, *map(_cells, comparison.rows)])
    changed, remarks = (
        [f"- {line}" for line in part] for part in (_changed(changes), _remarks(comparison))
    )
    parts = [f"a = {a}, b = {b}", "", *changed, *([""] if changed else []), *lines, "", *remarks]
    return "\n".join(parts) + "\n"


def as_json(comparison: Comparison, a: str, b: str, changes: Changes | None = None) -> str:
    """Everything, with the ids of all tasks won and lost. Rates and differences from 0 to 1."""
    rows = [asdict(row) | {"verdict": row.verdict} for row in comparison.rows]
    for row in rows:
        for key in ("a", "b", "difference"):
            row[key] = dict(zip(("estimate", "low", "high"), row[key], strict=True))
    changed = {
        kind: {key: {"a": before, "b": after} for key, (before, after) in values.items()}
        for kind, values in (changes or {}).items()
    }
    content = {
        "a": a,
        "b": b,
        "changed": changed,
        "only_a": comparison.only_a,
        "only_b": comparison.only_b,
        "rows": rows,
    }
    return json.dumps(content, indent=2) + "\n"


def _changed(changes: Changes | None) -> list[str]:
    lines = []
    for kind, values in (changes or {}).items():
        shown = list(values.items())[:_CHANGES]
        lines += [f"{key}: {_value(before)} -> {_value(after)}" for key, (before, after) in shown]
        if more := len(values) - len(shown):
            lines.append(f"and {more} more {kind}: `dvc {kind} diff`, or --json, shows them")
    return lines


def _value(value: Any) -> str:
    return "(not there)" if value is None else str(value)


def _narrow(row: Row) -> list[str]:
    _, measure, tasks, *_, holm, _, won, lost = _cells(row)
    return [
        row.benchmark if row.part in MAIN_PARTS else f"  {row.part}",
        *(measure, tasks),
        *(f"{100 * rate.estimate:.1f}" for rate in (row.a, row.b)),
        _percent(row.difference, signed=True),
        *(holm, won, lost),
    ]


def _cells(row: Row) -> list[str]:
    return [
        row.benchmark if row.part in MAIN_PARTS else f"{row.benchmark}, {row.part}",
        _MEASURES.get(row.measure, row.measure),
        str(row.tasks),
        _percent(row.a),
        _percent(row.b),
        _percent(row.difference, signed=True),
        _p(row.p),
        "" if row.p_holm is None else _p(row.p_holm),
        f"{100 * row.detectable:.1f}",
        *(
            (str(len(row.gained)), str(len(row.lost)))
            if row.measure.startswith("pass")
            else ("", "")
        ),
    ]


def _remarks(comparison: Comparison) -> list[str]:
    lines = [
        f"{row.benchmark}, {_MEASURES.get(row.measure, row.measure)}: {row.verdict}"
        for row in comparison.rows
        if row.verdict
    ]
    for row in comparison.rows:
        if row.part == "all" and row.main:
            for name, tasks in (("won", row.gained), ("lost", row.lost)):
                if tasks:
                    lines.append(f"{row.benchmark}, {name} by b: {_ids(tasks)}")
    if comparison.only_a or comparison.only_b:
        lines.append(
            f"tasks left out: {comparison.only_a} only a answered, "
            f"{comparison.only_b} only b answered"
        )
    lines.append(
        "Percent with 95 % intervals; b - a by cluster bootstrap over tasks; p by the exact "
        "McNemar test, or by sign flips where rates are means or tasks come in clusters; "
        "detectable: the smallest difference, in percentage points, that this sample shows with "
        "80 % power. won, lost: tasks that b passes and a does not, and the reverse. "
        '"better" and "worse" need a p below 0.05 after Holm\'s correction for the rows that have '
        "one; the others are views of the same tasks."
    )
    return lines


def _percent(interval: Interval, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    estimate, low, high = (100 * value for value in interval)
    return f"{estimate:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"


def _p(value: float) -> str:
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"


def _ids(tasks: Sequence[str]) -> str:
    names = [task.partition("/")[2] for task in tasks]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return " ".join(names[:_LISTED]) + more
