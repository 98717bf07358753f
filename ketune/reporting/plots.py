"""Plots of the report, as SVG that markdown shows. The same figures give the same bytes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from ketune.paths import BASE, FINETUNED
from ketune.runtime import atomic_open

TEST_SPLIT = "dataset"
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7")  # Okabe and Ito: told apart by everyone
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "ketune",  # ids of elements
    "svg.fonttype": "none",  # text stays text
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw_losses(
    path: Path, train: Sequence[Mapping[str, str]], evaluated: Sequence[Mapping[str, str]]
) -> None:
    """Training and evaluation loss by step, from the rows of the two curves."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        axes = figure.subplots()
        for rows, key, label, colour, marker in (
            (train, "train_loss", "training", _COLOURS[1], ""),
            (evaluated, "eval_loss", "evaluation", _COLOURS[0], "o"),
        ):
            points = [(float(row["step"]), float(row[key])) for row in rows if row[key]]
            axes.plot(*zip(*points, strict=True), marker=marker, color=colour, label=label)
        axes.set(xlabel="step", ylabel="loss, nats a token", title="Convergence")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False)
        _save(figure, path)


def draw_categories(path: Path, slices: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """pass@1 of every model by category of the test split, with 95 % intervals.

    `slices` are the rows of metrics/slices by model. A plot without bars where there is no code.
    """
    own = {name: _categories(rows) for name, rows in slices.items()}
    names = sorted({category for rows in own.values() for category in rows}, reverse=True)
    order = sorted(own, key=lambda name: (name != BASE, name != FINETUNED))
    height = 0.8 / len(order)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7, 1.2 + 0.55 * len(names)), layout="constrained")
        axes = figure.subplots()
        for number, model in enumerate(order):
            rows = [own[model].get(name) for name in names]
            shown = [(place, row) for place, row in enumerate(rows) if row]
            places = [place + 0.4 - height * (number + 0.5) for place, _ in shown]
            rates = [float(row["pass_at_1"]) for _, row in shown]
            spread = [
                [rate - float(row["low"]) for rate, (_, row) in zip(rates, shown, strict=True)],
                [float(row["high"]) - rate for rate, (_, row) in zip(rates, shown, strict=True)],
            ]
            axes.barh(
                places,
                rates,
                height,
                xerr=spread,
                color=_COLOURS[number % len(_COLOURS)],
                label="fine-tuned" if model == FINETUNED else model,
                error_kw={"linewidth": 0.8, "capsize": 2},
            )
        tasks = {name: row["tasks"] for rows in own.values() for name, row in rows.items()}
        labels = [f"{name.replace('_', ' ')} ({tasks[name]})" for name in names]
        axes.set_yticks(range(len(names)), labels)
        axes.set(xlim=(0, 100), xlabel="pass@1, % with 95 % intervals; tasks in brackets")
        axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(order))
        _save(figure, path)


def _categories(rows: Sequence[Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    return {
        row["category"]: row
        for row in rows
        if row["benchmark"] == TEST_SPLIT
        and row["category"] != "all"
        and (row["type"], row["modality"]) == ("all", "all")
    }


def _save(figure: Figure, path: Path) -> None:
    with atomic_open(path, "wb") as file:
        figure.savefig(file, format="svg", facecolor="white", metadata={"Date": None})
