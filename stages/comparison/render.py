"""A comparison as text, markdown or JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from stages.comparison.pairs import Comparison, Row
from stages.statistics import Interval

_LISTED = 12  # ids of gained and lost tasks a row; JSON has all
_HEADER = ("benchmark", "measure", "tasks", "a", "b", "b - a", "p", "p (Holm)", "won", "lost")


def as_text(comparison: Comparison, a: str, b: str) -> str:
    """Aligned columns, then a verdict a main row and the tasks won and lost."""
    cells = [list(_HEADER), *map(_cells, comparison.rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEADER))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([f"a = {a}, b = {b}", "", *lines, "", *_remarks(comparison)]) + "\n"


def as_markdown(comparison: Comparison, a: str, b: str) -> str:
    """The same as a markdown table, for a pull request."""
    cells = [list(_HEADER), ["---"] * len(_HEADER), *map(_cells, comparison.rows)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    remarks = [f"- {remark}" for remark in _remarks(comparison)]
    return "\n".join([f"a = {a}, b = {b}", "", *lines, "", *remarks]) + "\n"


def as_json(comparison: Comparison, a: str, b: str) -> str:
    """Everything, with the ids of all tasks won and lost. Rates from 0 to 1."""
    rows = [asdict(row) | {"verdict": row.verdict} for row in comparison.rows]
    for row in rows:
        for key in ("a", "b", "difference"):
            row[key] = dict(zip(("estimate", "low", "high"), row[key], strict=True))
    content = {
        "a": a,
        "b": b,
        "only_a": comparison.only_a,
        "only_b": comparison.only_b,
        "rows": rows,
    }
    return json.dumps(content, indent=2) + "\n"


def _cells(row: Row) -> list[str]:
    return [
        row.benchmark if row.part in {"all", "pooled"} else f"{row.benchmark}, {row.part}",
        row.measure,
        str(row.tasks),
        _percent(row.a),
        _percent(row.b),
        _percent(row.difference, signed=True),
        _p(row.p),
        "" if row.p_holm is None else _p(row.p_holm),
        str(len(row.gained)),
        str(len(row.lost)),
    ]


def _remarks(comparison: Comparison) -> list[str]:
    lines = [f"{r.benchmark}, {r.measure}: {r.verdict}" for r in comparison.rows if r.verdict]
    for row in comparison.rows:
        if row.part == "all":
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
        "McNemar test, or by sign flips where rates are means or tasks come in clusters. "
        '"better" and "worse" need a p below 0.05 after Holm\'s correction for the main rows.'
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
