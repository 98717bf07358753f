"""What training must not have seen: benchmark tasks among the rows, siblings across the splits.

Samples are numbered in the order of SPLITS and of data/raw. What is decided of one depends on the
set of rows alone, not on their order or on the number of workers.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from ketune.dataset.contract import reference_program
from ketune.dataset.overlap import (
    FOREIGN,
    KINDRED,
    RULES,
    Content,
    Fingerprint,
    Overlap,
    Rule,
    TaskIndex,
    TaskPrint,
    fingerprint,
    index_tasks,
    overlaps,
    task_print,
)
from ketune.dataset.siblings import (
    RELATIONS,
    Group,
    Relation,
    SiblingKeys,
    first_splits,
    groups_across,
    sibling_keys,
)
from ketune.params.schema import Benchmark, DataParams
from ketune.tasks.benchmarks import Task, load_tasks
from ketune.tasks.kinds import SPLITS, Split
from ketune.tasks.samples import Finding, json_line

_PAIRS = list(combinations(range(len(SPLITS)), 2))
_TEST = SPLITS.index("test")


class RowPrint(NamedTuple):
    """All that is compared of a sample; `task` of one of the test split alone."""

    id: str
    split: int
    row: Fingerprint
    task: TaskPrint | None
    siblings: Mapping[Relation, int]


# Called once a pass: the prints of all samples lie on disk.
Prints = Callable[[], Iterator[RowPrint]]


@dataclass
class Decisions:
    """What becomes of samples, by number: `moved` to a split, dropped, or marked with the ids of
    what they repeat. `summary` is what data/prepared.record.json says of it."""

    moved: Mapping[int, int] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)
    contaminated_by: dict[int, list[str]] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)


def print_of(sample_id: str, split: Split, content: Content, source: str) -> RowPrint:
    """What is compared of a sample."""
    task = task_print(content) if split == "test" else None
    keys = sibling_keys(content, source)
    return RowPrint(sample_id, SPLITS.index(split), fingerprint(content), task, keys)


def decide(
    prints: Prints, benchmarks: Sequence[Benchmark], data: DataParams, directory: Path
) -> Decisions:
    """Find siblings, then benchmark tasks in what is left; write both reports into `directory`.

    siblings.jsonl has a line {relation, samples} a group; contamination.jsonl has a `Finding` a
    line. The test split is compared when `benchmarks` has `dataset`.
    Raises StageError: a benchmark's file that is missing or not the pinned one.
    """
    decisions = Decisions()
    files = {b.name: _index_file(b) for b in benchmarks if b.path}
    with (directory / "siblings.jsonl").open("w", encoding="utf-8", newline="\n") as report:
        _decide_siblings(prints, data, decisions, report)
    tests = {b.name: _index_test(b.name, prints, decisions) for b in benchmarks if not b.path}
    with (directory / "contamination.jsonl").open("w", encoding="utf-8", newline="\n") as report:
        _decide_contamination(prints, files, tests, data, decisions, report)
    return decisions


def _index_file(benchmark: Benchmark) -> TaskIndex:
    tasks = load_tasks([benchmark])
    return index_tasks(((task.task_id, task_print(_content(task))) for task in tasks), FOREIGN)


def _content(task: Task) -> Content:
    return Content(
        prompt=task.question,
        solution=task.reference,
        test=task.test_code,
        entry_point=task.entry_point,
        program=reference_program(task.type, task.question, task.reference),
        image=None,
        is_stub=task.type == "function_completion",
    )


def _index_test(name: str, prints: Prints, decisions: Decisions) -> TaskIndex:
    # Rows that moved to train or were dropped are no longer asked of the model.
    gone = decisions.dropped | decisions.moved.keys()
    tasks = (
        (f"{name}/{row.id}", row.task)
        for number, row in enumerate(prints())
        if row.task is not None and number not in gone
    )
    return index_tasks(tasks, KINDRED)


def _decide_siblings(
    prints: Prints, data: DataParams, decisions: Decisions, report: TextIO
) -> None:
    found = SiblingKeys()
    ids: list[str] = []
    splits = bytearray()
    for number, row in enumerate(prints()):
        found.add(number, row.siblings)
        ids.append(row.id)
        splits.append(row.split)
    pairs: Counter[tuple[Relation, int, int]] = Counter()
    acting: list[Group] = []
    for group in groups_across(found, splits):
        samples = [ids[number] for number in group.samples]
        report.write(json_line({"relation": group.relation, "samples": samples}))
        members = Counter(splits[number] for number in group.samples)
        for first, second in _PAIRS:
            pairs[group.relation, first, second] += members[second] if members[first] else 0
        if data.siblings != "report" and group.relation in data.siblings_by:
            acting.append(group)
    later = first_splits(acting, splits)
    if data.siblings == "move":
        decisions.moved = later
    else:
        decisions.dropped = set(later)
    decisions.summary["siblings"] = {
        "rows": {
            relation: {f"{SPLITS[a]}_{SPLITS[b]}": pairs[relation, a, b] for a, b in _PAIRS}
            for relation in RELATIONS
        },
        "moved": _by_split(Counter(splits[number] for number in decisions.moved)),
        "dropped": _by_split(Counter(splits[number] for number in decisions.dropped)),
    }


def _decide_contamination(
    prints: Prints,
    files: dict[str, TaskIndex],
    tests: dict[str, TaskIndex],
    data: DataParams,
    decisions: Decisions,
    report: TextIO,
) -> None:
    gone = frozenset(decisions.dropped)
    learnt: dict[str, list[str]] = defaultdict(list)  # task: the rows that repeat it and stay
    both = files | tests
    tallies = {name: _Tally(index) for name, index in both.items()}
    removed: Counter[int] = Counter()
    marked: Counter[int] = Counter()
    for number, row in enumerate(prints()):
        if number in gone:
            continue
        split = decisions.moved.get(number, row.split)
        # Train rows are learnt and validation rows choose the checkpoint; test rows do neither.
        drops = split != _TEST and data.decontaminate == "drop"
        repeats: list[str] = []
        for name, index in (files if split == _TEST else both).items():
            found = overlaps(index, row.row)
            for task_id, rule, share in found:
                finding: Finding = {
                    "sample": row.id,
                    "split": SPLITS[split],
                    "task": task_id,
                    "rule": rule,
                    "overlap": share,
                    "dropped": drops,
                }
                report.write(json_line(finding))
            repeats += dict.fromkeys(overlap.task_id for overlap in found)
            tallies[name].add(split, found)
        if split == _TEST:
            repeats += [sample for name in tests for sample in learnt.pop(f"{name}/{row.id}", ())]
        elif repeats and drops:
            decisions.dropped.add(number)
            removed[split] += 1
            continue
        else:
            for task_id in repeats:
                learnt[task_id].append(row.id)
        if repeats:
            decisions.contaminated_by[number] = repeats
            marked[split] += 1
    decisions.summary["contamination"] = {
        "benchmarks": {name: tally.summary() for name, tally in tallies.items()},
        "dropped": _by_split(removed),
        "marked": _by_split(marked),
    }


@dataclass
class _Tally:
    """What was found of one benchmark."""

    index: TaskIndex
    tasks: set[str] = field(default_factory=set)
    rows: Counter[int] = field(default_factory=Counter)
    rules: Counter[Rule] = field(default_factory=Counter)

    def add(self, split: int, found: Sequence[Overlap]) -> None:
        self.tasks.update(overlap.task_id for overlap in found)
        self.rows[split] += bool(found)
        self.rules.update({overlap.rule for overlap in found})

    def summary(self) -> dict[str, Any]:
        return {
            "tasks": len(self.index.task_ids),
            "tasks_found": len(self.tasks),
            "rows": _by_split(self.rows),
            "rules": {rule: self.rules[rule] for rule in RULES},
        }


def _by_split(counts: Mapping[int, int]) -> dict[str, int]:
    return {split: counts.get(number, 0) for number, split in enumerate(SPLITS)}
