"""Outcomes to figures: pass@k and similarities by benchmark, modality, type and category."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stages.statistics.estimates import Interval, bootstrap_mean, pass_at_k, wilson

OutcomeRow = Mapping[str, Any]


def summarise(outcomes: Sequence[OutcomeRow], pass_at: Sequence[int]) -> dict[str, Any]:
    """Figures of one model: {benchmark: {"code": slices, "qa": slices, "outcomes": counts}}.

    Code figures count code tasks only, `qa` figures questions only. A slice is `all`, `text`,
    `multimodal`, `multimodal_blank_images`, or a value of type or category; an empty one is left
    out. All rates are from 0 to 1.
    """
    by_benchmark: dict[str, list[OutcomeRow]] = defaultdict(list)
    for outcome in outcomes:
        by_benchmark[outcome["benchmark"]].append(outcome)
    return {
        name: _benchmark(benchmark, pass_at) for name, benchmark in sorted(by_benchmark.items())
    }


def _benchmark(outcomes: Sequence[OutcomeRow], pass_at: Sequence[int]) -> dict[str, Any]:
    code = [o for o in outcomes if o["outcome"] is not None]
    questions = [o for o in outcomes if o["outcome"] is None]
    figures: dict[str, Any] = {}
    if code:
        figures["code"] = _slices(code, lambda part: _pass_rates(part, pass_at))
        standard = [o for o in code if o["condition"] == "standard"]
        figures["outcomes"] = dict(sorted(Counter(o["outcome"] for o in standard).items()))
    if questions:
        figures["qa"] = _slices(questions, _similarities)
    return figures


def _slices(
    outcomes: Sequence[OutcomeRow], figures: Callable[[Sequence[OutcomeRow]], dict[str, Any]]
) -> dict[str, Any]:
    standard = [o for o in outcomes if o["condition"] == "standard"]
    parts: dict[str, Sequence[OutcomeRow]] = {
        "all": standard,
        "text": [o for o in standard if not o["multimodal"]],
        "multimodal": [o for o in standard if o["multimodal"]],
        "multimodal_blank_images": [o for o in outcomes if o["condition"] == "blank_images"],
    }
    result: dict[str, Any] = {name: figures(part) for name, part in parts.items() if part}
    for key in ("type", "category"):
        values = sorted({o[key] for o in standard if o[key]})
        if len(values) > 1:
            result[f"by_{key}"] = {
                value: figures([o for o in standard if o[key] == value]) for value in values
            }
    return result


def _pass_rates(outcomes: Sequence[OutcomeRow], pass_at: Sequence[int]) -> dict[str, Any]:
    samples: dict[str, list[bool]] = defaultdict(list)
    for outcome in outcomes:
        samples[outcome["task_id"]].append(outcome["outcome"] == "passed")
    figures: dict[str, Any] = {"tasks": len(samples)}
    for k in pass_at:
        rates = [pass_at_k(len(passed), sum(passed), k) for passed in samples.values()]
        # One sample a task is a proportion; several are a mean, which Wilson does not cover.
        if all(len(passed) == 1 for passed in samples.values()):
            interval = wilson(int(sum(rates)), len(rates))
        else:
            interval = bootstrap_mean(rates)
        figures |= _named(f"pass_at_{k}", interval)
    return figures


def _similarities(outcomes: Sequence[OutcomeRow]) -> dict[str, Any]:
    figures: dict[str, Any] = {"tasks": len({o["task_id"] for o in outcomes})}
    for key in ("rouge_l", "bleu"):
        by_task: dict[str, list[float]] = defaultdict(list)
        for outcome in outcomes:
            by_task[outcome["task_id"]].append(outcome[key])
        figures |= _named(key, bootstrap_mean([sum(v) / len(v) for v in by_task.values()]))
    return figures


def _named(name: str, interval: Interval) -> dict[str, float]:
    return {
        name: round(interval.estimate, 6),
        f"{name}_low": round(interval.low, 6),
        f"{name}_high": round(interval.high, 6),
    }
