"""The comment of a pull request: what changed, what it did to the figures, and whether that is
more than chance. GitHub's markdown, below its limit of 65,536 characters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ketune.comparison import Comparison, as_markdown
from ketune.statistics import Interval
from ketune.tables import aligned, markdown

MARK = "<!-- ketune pr -->"  # finds the comment again
_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH = 20  # of a bar of 100 %
_INPUTS = 6  # of a stage that ran again
_LISTED = 40  # parameters, files and tasks


@dataclass(frozen=True)
class Side:
    """One side of the pull request. `metrics` are DVC's, `rates` percent with intervals.

    `losses` is eval_loss by step; `categories` pass@1 in percent by category of the test split.
    """

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    rates: Mapping[str, Interval]
    losses: Mapping[int, float]
    categories: Mapping[str, float]


@dataclass(frozen=True)
class Changes:
    """What the head has and the base has not. `stages`: by name, what of their inputs differs."""

    files: Sequence[str]
    stages: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Missing:
    """A side without results, and the commands that make them."""

    name: str
    commands: Sequence[str]


def render(
    base: Side, head: Side, changes: Changes, comparison: Comparison | None, remarks: Sequence[str]
) -> str:
    """The comment. `remarks` caution, or without a comparison say why there is none."""
    parts = [
        MARK,
        f"## Ketune: {head.name} against {base.name}",
        "",
        *_verdict(comparison),
        *(f"- {remark}" for remark in remarks),
        "",
        *_figures(base, head, comparable=comparison is not None),
        *_changed(base, head, changes),
        *_drawn(base, head),
    ]
    if comparison is not None:
        table = as_markdown(comparison, base.name, head.name)
        parts += ["", *_folded("Paired tests, and the tasks won and lost", table)]
    return "\n".join(parts) + "\n"


def render_missing(missing: Sequence[Missing], changes: Changes) -> str:
    """The comment where a side has no results: which, and how to make them."""
    parts = [MARK, "## Ketune: nothing to compare yet", ""]
    for side in missing:
        parts += [f"{side.name} has no results. To make them:", "", "```bash", *side.commands]
        parts += ["```", ""]
    return "\n".join([*parts, *_code(changes)]) + "\n"


def _verdict(comparison: Comparison | None) -> list[str]:
    if comparison is None:
        return ["**Not comparable**", ""]
    lines = []
    for row in comparison.rows:
        if not row.verdict:
            continue
        difference, low, high = (100 * value for value in row.difference)
        won = f"; won {len(row.gained)}, lost {len(row.lost)}" if row.gained or row.lost else ""
        lines.append(
            f"- {row.benchmark}, {row.measure}: **{row.verdict}**; "
            f"{difference:+.1f} pp [{low:+.1f}, {high:+.1f}] on {row.tasks} tasks{won}"
        )
    return lines


def _figures(base: Side, head: Side, *, comparable: bool) -> list[str]:
    """Every headline figure of both sides; a change only where it means something."""
    rows = [["figure", base.name, head.name, "change"]]
    shared = []
    for name in dict.fromkeys((*base.metrics, *head.metrics)):
        before, after = base.metrics.get(name), head.metrics.get(name)
        if isinstance(before, str) and before == after:
            shared.append(f"{name} {before}")
            continue
        change = _difference(before, after) if comparable else ""
        rows.append([name, _value(before), _value(after), change])
    for name in dict.fromkeys((*base.rates, *head.rates)):
        before, after = base.rates.get(name), head.rates.get(name)
        change = f"{after.estimate - before.estimate:+.1f}" if before and after else ""
        rows.append([f"{name}, %", _rate(before), _rate(after), change if comparable else ""])
    return [
        *markdown(rows),
        "",
        *([f"The same in both: {', '.join(shared)}.", ""] if shared else []),
    ]


def _changed(base: Side, head: Side, changes: Changes) -> list[str]:
    keys = dict.fromkeys((*base.params, *head.params))
    differ = [key for key in keys if base.params.get(key) != head.params.get(key)]
    lines = ["### What changed", ""]
    if differ:
        rows = [[f"`{k}`", _value(base.params.get(k)), _value(head.params.get(k))] for k in differ]
        lines += [*markdown([["parameter", base.name, head.name], *rows[:_LISTED]]), ""]
        lines += [f"and {len(rows) - _LISTED} more", ""] if len(rows) > _LISTED else []
    else:
        lines += ["No parameter.", ""]
    return [*lines, *_code(changes)]


def _code(changes: Changes) -> list[str]:
    lines = []
    if changes.stages:
        rows = [[name, _some(inputs)] for name, inputs in changes.stages.items()]
        lines += [*markdown([["stage that ran again", "because these changed"], *rows]), ""]
    if changes.files:
        listed = "\n".join(f"- `{path}`" for path in changes.files[:_LISTED])
        more = len(changes.files) - _LISTED
        listed += f"\n- and {more} more" if more > 0 else ""
        files = "1 file" if len(changes.files) == 1 else f"{len(changes.files)} files"
        lines += _folded(f"{files} of code, data and configuration", listed)
    return lines


def _some(inputs: Sequence[str]) -> str:
    more = [f"and {len(inputs) - _INPUTS} more"] if len(inputs) > _INPUTS else []
    return ", ".join([*inputs[:_INPUTS], *more])


def _drawn(base: Side, head: Side) -> list[str]:
    """Curves and bars as text: a comment can host no images."""
    lines = [["", "first", "", "last"]]
    for side in (base, head):
        if side.losses:
            steps = sorted(side.losses)
            first, last = (side.losses[step] for step in (steps[0], steps[-1]))
            curve = sparkline([side.losses[step] for step in steps])
            lines.append([f"eval_loss, {side.name}", f"{first:.4f}", curve, f"{last:.4f}"])
    drawn = aligned(lines) if len(lines) > 1 else []
    bars = []
    for name in dict.fromkeys((*base.categories, *head.categories)):
        for side in (base, head):
            if name in side.categories:
                rate = side.categories[name]
                label = name if side is base or name not in base.categories else ""
                bars.append([label, side.name, bar(rate), f"{rate:.1f}"])
    if bars:
        drawn += ["", *aligned([["pass@1 by category", "", "", "%"], *bars])]
    return ["", "```text", *drawn, "```"] if drawn else []


def sparkline(values: Sequence[float]) -> str:
    """One character a value, from the lowest to the highest."""
    low, high = min(values), max(values)
    span = high - low or 1.0
    return "".join(_BARS[1 + round((len(_BARS) - 2) * (value - low) / span)] for value in values)


def bar(percent: float) -> str:
    return "█" * round(_WIDTH * percent / 100) or "▏"


def _folded(title: str, text: str) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", text.rstrip("\n"), "", "</details>"]


def _value(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _difference(before: Any, after: Any) -> str:
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (before, after))
    if numbers:
        return f"{after - before:+.4g}" if after != before else ""
    return "" if before == after else "changed"


def _rate(rate: Interval | None) -> str:
    return "" if rate is None else f"{rate.estimate:.1f} [{rate.low:.1f}, {rate.high:.1f}]"
