"""Outcomes of two models, paired by task."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ketune.statistics import (
    ALPHA,
    Interval,
    bootstrap_mean,
    detectable_mean,
    detectable_proportion,
    holm,
    mcnemar,
    pass_at_k,
    sign_flip,
    wilson,
)

OutcomeRow = Mapping[str, Any]

# Two forms of the same tasks: a model that knows one knows the other.
TWINS = ("qiskit_humaneval", "qiskit_humaneval_hard")
MAIN_PARTS = ("all", "pooled")
POOLED = "qiskit_humaneval, both forms"
_QUESTIONS = ("rouge_l", "bleu")
_MORE_SAMPLES = (5, 10)
_FACTS = ("benchmark", "type", "category", "multimodal")


@dataclass(frozen=True)
class Row:
    """One measure on the tasks that both models answered. Rates from 0 to 1; differences b - a.

    `p` is two-sided: the exact McNemar test for one sample a task, else the paired randomisation
    test by clusters. `p_holm` corrects it for being one of several main rows: part "all" of each
    benchmark, and "pooled"; the other parts, and pass@k of several samples, are views of the same
    tasks, without p_holm or verdict.
    `detectable` is the smallest difference that the sample shows with 80 % power.
    `gained` are tasks that b passes (more often), `lost` those that a does.
    """

    benchmark: str
    measure: str
    part: str
    tasks: int
    a: Interval
    b: Interval
    difference: Interval
    p: float
    detectable: float
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    p_holm: float | None = None

    @property
    def main(self) -> bool:
        """Whether a verdict rests on it."""
        return self.part in MAIN_PARTS and self.measure in {"pass@1", *_QUESTIONS}

    @property
    def verdict(self) -> str:
        """What the sample shows of b against a, "" for a row that is not a main one."""
        if self.p_holm is None:
            return ""
        if self.p_holm < ALPHA:
            return "better" if self.difference.estimate > 0 else "worse"
        limit = f"this sample shows differences above {100 * self.detectable:.1f} pp"
        if self.p < ALPHA:
            return f"no difference shown once corrected for several tests ({limit})"
        return f"no difference shown ({limit})"


@dataclass(frozen=True)
class Comparison:
    """Rows of every benchmark that both models answered, and how many tasks only one did."""

    rows: tuple[Row, ...]
    only_a: int
    only_b: int


def compare(a: Sequence[OutcomeRow], b: Sequence[OutcomeRow]) -> Comparison:
    """Compare b with a on their common tasks.

    pass@5 and pass@10 where both have that many samples of every task; tasks with their images
    blanked where both were asked so.

    Raises ValueError when they have no task in common, or one id stands for two different tasks.
    """
    scores = scores_a, scores_b = _scores(a), _scores(b)
    common = [task for task in scores_a if task in scores_b]
    if not common:
        raise ValueError("the two have no task in common")
    rows: list[Row] = []
    facts = _facts(a)
    others = _facts(b)
    if differ := [
        task for task in common if any(facts[task][k] != others[task][k] for k in _FACTS)
    ]:
        raise ValueError(
            f"{differ[0]} is another task in each, as are {len(differ) - 1} more; they were "
            "evaluated on different data"
        )
    by_benchmark: dict[str, list[str]] = defaultdict(list)
    for task in common:
        by_benchmark[facts[task]["benchmark"]].append(task)
    for benchmark, tasks in sorted(by_benchmark.items()):
        code = [task for task in tasks if "pass" in scores_a[task]]
        questions = [task for task in tasks if "rouge_l" in scores_a[task]]
        for part, members in _parts(code, facts).items():
            rows.append(_row(benchmark, "pass@1", part, members, scores, "pass"))
        blanked = [task for task in code if all("pass_blanked" in s[task] for s in scores)]
        if blanked:
            part = "multimodal, images blanked"
            rows.append(_row(benchmark, "pass@1", part, blanked, scores, "pass_blanked"))
        for k in _MORE_SAMPLES:
            if code and all(len(s[task]["pass"]) >= k for s in scores for task in code):
                rows.append(_row(benchmark, f"pass@{k}", "all", code, scores, "pass", k))
        for measure in _QUESTIONS if questions else ():
            rows.append(_row(benchmark, measure, "all", questions, scores, measure))
    if all(twin in by_benchmark for twin in TWINS):
        both = [task for twin in TWINS for task in by_benchmark[twin]]
        rows.append(_row(POOLED, "pass@1", "pooled", both, scores, "pass"))
    return Comparison(
        tuple(_adjusted(rows)),
        len(scores_a.keys() - set(common)),
        len(scores_b.keys() - set(common)),
    )


def _facts(outcomes: Sequence[OutcomeRow]) -> dict[str, OutcomeRow]:
    return {row["task_id"]: row for row in outcomes}


Scores = dict[str, dict[str, list[float]]]  # task, measure, samples


def _scores(outcomes: Sequence[OutcomeRow]) -> Scores:
    scores: Scores = {}
    for row in outcomes:
        task = scores.setdefault(row["task_id"], defaultdict(list))
        if row["outcome"] is not None:
            kind = "pass" if row["condition"] == "standard" else "pass_blanked"
            task[kind].append(float(row["outcome"] == "passed"))
        elif row["condition"] == "standard":
            for measure in _QUESTIONS:
                task[measure].append(row[measure])
    return scores


def _parts(tasks: Sequence[str], facts: Mapping[str, OutcomeRow]) -> dict[str, list[str]]:
    """Parts of a benchmark's code tasks; one that is empty or the whole is left out."""
    parts = {
        "scorable": [task for task in tasks if facts[task]["scorable"]],
        "text": [task for task in tasks if not facts[task]["multimodal"]],
        "multimodal": [task for task in tasks if facts[task]["multimodal"]],
    }
    smaller = {name: part for name, part in parts.items() if 0 < len(part) < len(tasks)}
    return ({"all": list(tasks)} if tasks else {}) | smaller


def _row(
    benchmark: str,
    measure: str,
    part: str,
    tasks: Sequence[str],
    scores: tuple[Scores, Scores],
    key: str,
    k: int = 1,
) -> Row:
    is_code = key not in _QUESTIONS
    a, b = ([_rate(s[task][key], k, is_code) for task in tasks] for s in scores)
    single = is_code and all(len(s[task][key]) == 1 for s in scores for task in tasks)
    clusters = [_cluster(task) for task in tasks]
    exact = single and len(set(clusters)) == len(tasks)
    differences = [after - before for before, after in zip(a, b, strict=True)]
    changed = dict(zip(tasks, differences, strict=True)) if is_code else {}
    gained = tuple(task for task, change in changed.items() if change > 0)
    lost = tuple(task for task, change in changed.items() if change < 0)
    return Row(
        benchmark=benchmark,
        measure=measure,
        part=part,
        tasks=len(tasks),
        a=wilson(round(sum(a)), len(a)) if exact else bootstrap_mean(a, clusters),
        b=wilson(round(sum(b)), len(b)) if exact else bootstrap_mean(b, clusters),
        difference=bootstrap_mean(differences, clusters),
        p=mcnemar(len(gained), len(lost)) if exact else sign_flip(differences, clusters),
        detectable=(
            detectable_proportion(len(tasks), (len(gained) + len(lost)) / len(tasks))
            if exact
            else detectable_mean(differences, clusters)
        ),
        gained=gained,
        lost=lost,
    )


def _rate(values: Sequence[float], k: int, is_code: bool) -> float:
    if is_code:
        return pass_at_k(len(values), int(sum(values)), k)
    return sum(values) / len(values)


def _cluster(task_id: str) -> str:
    benchmark, _, number = task_id.partition("/")
    return f"{TWINS[0]}/{number}" if benchmark in TWINS else task_id


def _adjusted(rows: Sequence[Row]) -> list[Row]:
    main = [index for index, row in enumerate(rows) if row.main]
    adjusted = dict(zip(main, holm([rows[index].p for index in main]), strict=True))
    return [replace(row, p_holm=adjusted.get(index)) for index, row in enumerate(rows)]
