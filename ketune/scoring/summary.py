"""Outcomes to figures: pass@k and similarities by benchmark, modality, type and category."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ketune.statistics.estimates import Interval, bootstrap_mean, pass_at_k, wilson

OutcomeRow = Mapping[str, Any]

TEST_SPLIT = "dataset"


def summarise(outcomes: Sequence[OutcomeRow], pass_at: Sequence[int]) -> dict[str, Any]:
    """Figures of one model: {benchmark: {"code": slices, "qa": slices, "outcomes": counts}}.

    Code figures count code tasks only, `qa` figures questions only. A slice is `all`, `scorable`
    (code tasks that the reference solution passes), `text`, `multimodal`,
    `multimodal_blank_images`, or a value of type, category or image type (with the images, and
    blanked); an empty one is left out. A Qiskit HumanEval task's category is its difficulty, and
    the slices are `by_difficulty` there. All rates are from 0 to 1.
    """
    by_benchmark: dict[str, list[OutcomeRow]] = defaultdict(list)
    for outcome in outcomes:
        by_benchmark[outcome["benchmark"]].append(outcome)
    return {
        name: _benchmark(benchmark, pass_at) for name, benchmark in sorted(by_benchmark.items())
    }


def pass_rates(outcomes: Sequence[OutcomeRow], pass_at: Sequence[int]) -> dict[str, Any]:
    """{"tasks": count, "pass_at_K", "pass_at_K_low", "pass_at_K_high"} of code tasks, from 0 to 1.

    The interval is Wilson's for one sample a task; several are a mean, which Wilson does not cover.
    """
    samples = samples_by_task(outcomes)
    figures: dict[str, Any] = {"tasks": len(samples)}
    for k in pass_at:
        figures |= _named(f"pass_at_{k}", pass_interval(samples, k))
    return figures


def samples_by_task(outcomes: Sequence[OutcomeRow]) -> dict[str, list[bool]]:
    """{task_id: whether each sample passed}, in the order of the outcomes."""
    samples: dict[str, list[bool]] = defaultdict(list)
    for outcome in outcomes:
        samples[outcome["task_id"]].append(outcome["outcome"] == "passed")
    return dict(samples)


def pass_interval(samples: Mapping[str, Sequence[bool]], k: int) -> Interval:
    """pass@k over tasks: Wilson's interval for one sample a task, else a bootstrap over tasks."""
    rates = [pass_at_k(len(passed), sum(passed), k) for passed in samples.values()]
    if all(len(passed) == 1 for passed in samples.values()):
        return wilson(int(sum(rates)), len(rates))
    return bootstrap_mean(rates)


def _benchmark(outcomes: Sequence[OutcomeRow], pass_at: Sequence[int]) -> dict[str, Any]:
    code = [o for o in outcomes if o["outcome"] is not None]
    questions = [o for o in outcomes if o["outcome"] is None]
    figures: dict[str, Any] = {}
    if code:
        figures["code"] = _slices(code, lambda part: pass_rates(part, pass_at))
        standard = [o for o in code if o["condition"] == "standard"]
        figures["outcomes"] = dict(sorted(Counter(o["outcome"] for o in standard).items()))
    if questions:
        figures["qa"] = _slices(questions, _similarities)
    return figures


def _slices(
    outcomes: Sequence[OutcomeRow], figures: Callable[[Sequence[OutcomeRow]], dict[str, Any]]
) -> dict[str, Any]:
    standard = [o for o in outcomes if o["condition"] == "standard"]
    code = [o for o in standard if o["outcome"] is not None]
    parts: dict[str, Sequence[OutcomeRow]] = {
        "all": standard,
        "scorable": [o for o in code if o["scorable"]],
        "text": [o for o in standard if not o["multimodal"]],
        "multimodal": [o for o in standard if o["multimodal"]],
        "multimodal_blank_images": [o for o in outcomes if o["condition"] == "blank_images"],
    }
    result: dict[str, Any] = {name: figures(part) for name, part in parts.items() if part}
    for title, part in (
        ("image_type", parts["multimodal"]),
        ("image_type_blank_images", parts["multimodal_blank_images"]),
    ):
        if kinds := sorted({o["image_type"] for o in part}):
            result[f"by_{title}"] = {
                kind: figures([o for o in part if o["image_type"] == kind]) for kind in kinds
            }
    category = "category" if outcomes[0]["benchmark"] == TEST_SPLIT else "difficulty"
    for key, title in (("type", "type"), ("category", category)):
        values = sorted({o[key] for o in standard if o[key]})
        if len(values) > 1:
            result[f"by_{title}"] = {
                value: figures([o for o in standard if o[key] == value]) for value in values
            }
    return result


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
