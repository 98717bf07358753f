"""Which benchmark tasks a row repeats: word 8-grams, entry point and normalised code.

8-grams are weighed as Llama 2 (Touvron et al. 2023, appendix A.6) and Llama 3 (Grattafiori et al.
2024, section 5.1.4) do, by the share of the task's text that the row holds: a single common
8-gram says nothing. benchmarks/decontamination.py measures what the constants below find.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from ketune.dataset.fingerprints import (
    Keys,
    code_keys,
    distinct,
    docstring,
    fenced_code,
    gram_keys,
    text_key,
    words,
)

Rule = Literal["prompt", "solution", "test", "entry_point", "code"]
RULES: tuple[Rule, ...] = get_args(Rule)

# An 8-gram that more tasks of a benchmark hold is boilerplate, such as the head of every test.
MAX_TASKS = 3
# A prompt also counts when it is the same as a whole, from this many words on.
MIN_PROMPT_WORDS = 3


@dataclass(frozen=True)
class Content:
    """What is compared of a row or task; `image` names its content, `program` is the reference
    answer as a module and empty for a qa."""

    prompt: str
    solution: str
    test: str
    entry_point: str
    program: str
    image: str | None
    is_stub: bool


@dataclass(frozen=True)
class Fingerprint:
    """What of a row is looked up: the sorted keys of everything it says."""

    keys: Keys
    entry_point: str
    image: str | None


@dataclass(frozen=True)
class Thresholds:
    """From where on a row repeats a task: the least number of the task's distinctive 8-grams
    (`grams`), and the least share of them for every rule that counts. Under `entry_point`, for a
    row with the task's entry point, half as many 8-grams do."""

    grams: int
    shares: Mapping[Rule, float]


# A benchmark by other hands shares no phrases with the rows by chance. Its tests resemble each
# other more than its prompts and solutions do.
FOREIGN = Thresholds(5, {"prompt": 0.5, "solution": 0.5, "test": 0.9, "entry_point": 0.25})
# Rows of the test split have the author of the other rows and share phrases, names and tests with
# them; and of a row itself training sees neither test nor entry point.
KINDRED = Thresholds(12, {"prompt": 0.9, "solution": 0.9})


class Part(NamedTuple):
    """A task's keys under one rule; `whole` keys count alone, 8-grams by their share."""

    rule: Rule
    whole: bool
    keys: Keys


@dataclass(frozen=True)
class TaskPrint:
    """What of a task is looked for."""

    entry_point: str
    image: str | None
    parts: Sequence[Part]


class Overlap(NamedTuple):
    """A row repeats a task. `share` is that of the task's distinctive 8-grams, 1 for equal
    wholes."""

    task_id: str
    rule: Rule
    share: float


@dataclass(frozen=True)
class TaskIndex:
    """The distinctive keys of one benchmark's tasks.

    `keys` is sorted; `owners[i]` is the part that `keys[i]` belongs to; `totals` counts each
    part's keys. `names` are the entry points that few tasks share.
    """

    thresholds: Thresholds
    task_ids: Sequence[str]
    entry_points: Sequence[str]
    images: Sequence[str | None]
    keys: Keys
    owners: NDArray[np.int32]
    totals: NDArray[np.int64]
    part_tasks: NDArray[np.int32]
    part_rules: Sequence[Rule]
    part_whole: NDArray[np.bool_]
    names: frozenset[str]


def fingerprint(content: Content) -> Fingerprint:
    """Keys of a row: 8-grams of every text, the prompt as a whole, every function it shows."""
    grams = [gram_keys(text) for text in (content.prompt, content.solution, content.test)]
    programs = [content.program, *fenced_code(content.prompt), *fenced_code(content.solution)]
    code = chain.from_iterable(code_keys(program).values() for program in programs)
    whole = _array([prompt_key(content), *code])
    keys = distinct(np.concatenate([*grams, whole]))
    return Fingerprint(keys, content.entry_point, content.image)


def task_print(content: Content) -> TaskPrint:
    """Keys of a task, by rule. Of a stub the docstring is the prompt: signatures look alike."""
    asked = _asked(content)
    texts: Mapping[Rule, str] = {
        "prompt": asked,
        "solution": content.solution,
        "test": content.test,
    }
    parts = [Part(rule, False, gram_keys(text)) for rule, text in texts.items()]
    if len(words(asked)) >= MIN_PROMPT_WORDS:
        parts.append(Part("prompt", True, _array([prompt_key(content)])))
    if key := code_keys(content.program).get(content.entry_point):
        parts.append(Part("code", True, _array([key])))
    return TaskPrint(content.entry_point, content.image, parts)


def index_tasks(tasks: Iterable[tuple[str, TaskPrint]], thresholds: Thresholds) -> TaskIndex:
    """The index of a benchmark's tasks, given with their ids."""
    listed = list(tasks)
    parts = [(number, part) for number, (_, task) in enumerate(listed) for part in task.parts]
    # The same text in many tasks is one task asked often, not boilerplate.
    numbers: dict[bytes, int] = {}
    texts = [
        numbers.setdefault(blake2b(part.keys.tobytes(), digest_size=16).digest(), len(numbers))
        for _, part in parts
    ]
    keys = np.concatenate([_array(()), *(part.keys for _, part in parts)])
    lengths = np.array([len(part.keys) for _, part in parts], dtype=np.int64)
    owners = np.repeat(np.arange(len(parts), dtype=np.int32), lengths)
    keys, owners = _distinctive(keys, owners, np.array(texts, dtype=np.int32))
    names = Counter(task.entry_point for _, task in listed)
    return TaskIndex(
        thresholds=thresholds,
        task_ids=[task_id for task_id, _ in listed],
        entry_points=[task.entry_point for _, task in listed],
        images=[task.image for _, task in listed],
        keys=keys,
        owners=owners,
        totals=np.bincount(owners, minlength=len(parts)),
        part_tasks=np.array([number for number, _ in parts], dtype=np.int32),
        part_rules=[part.rule for _, part in parts],
        part_whole=np.array([part.whole for _, part in parts], dtype=np.bool_),
        names=frozenset(name for name, count in names.items() if name and count <= MAX_TASKS),
    )


def overlaps(index: TaskIndex, row: Fingerprint) -> list[Overlap]:
    """The tasks that `row` repeats, each with every rule that finds it, in the index's order.

    The prompt of a task about a picture counts for a row with that picture alone.
    """
    if not len(index.keys):
        return []
    first = np.searchsorted(index.keys, row.keys, "left")
    found = index.keys.take(first, mode="clip") == row.keys
    if not found.any():
        return []
    last = np.searchsorted(index.keys, row.keys[found], "right")
    ranges = [index.owners[a:b] for a, b in zip(first[found], last, strict=True)]
    parts, counts = np.unique(np.concatenate(ranges), return_counts=True)
    result: dict[tuple[int, Rule], float] = {}
    for part, count in zip(parts.tolist(), counts.tolist(), strict=True):
        task, rule = int(index.part_tasks[part]), index.part_rules[part]
        if rule == "prompt" and index.images[task] != row.image:
            continue
        share = count / int(index.totals[part])
        known = row.entry_point == index.entry_points[task] and row.entry_point in index.names
        if not index.part_whole[part] and not _enough(index.thresholds, rule, count, share):
            if not known or not _enough(index.thresholds, "entry_point", 2 * count, share):
                continue
            rule = "entry_point"
        result[task, rule] = max(share, result.get((task, rule), 0.0))
    in_order = sorted(result, key=lambda found: (found[0], RULES.index(found[1])))
    return [
        Overlap(index.task_ids[task], rule, round(result[task, rule], 3)) for task, rule in in_order
    ]


@lru_cache(maxsize=4)  # a row is looked at as a row, as a task and as a sibling
def prompt_key(content: Content) -> int:
    """Key of the words of what is asked, whatever their layout and the function's signature."""
    return text_key(f"prompt {' '.join(words(_asked(content)))}")


def _enough(thresholds: Thresholds, rule: Rule, grams: int, share: float) -> bool:
    least = thresholds.shares.get(rule)
    return least is not None and grams >= thresholds.grams and share >= least


def _asked(content: Content) -> str:
    return docstring(content.prompt, content.entry_point) if content.is_stub else content.prompt


def _distinctive(
    keys: Keys, owners: NDArray[np.int32], texts: NDArray[np.int32]
) -> tuple[Keys, NDArray[np.int32]]:
    """The keys that at most MAX_TASKS texts hold, sorted, and the part of each.

    `owners[i]` is the part of `keys[i]`, `texts[p]` the text of part `p`.
    """
    held_by = texts[owners]
    order = np.lexsort((held_by, keys))
    keys, owners, held_by = keys[order], owners[order], held_by[order]
    first_of_key = _differs_from_last(keys)
    first_of_text = first_of_key | _differs_from_last(held_by)
    number = np.cumsum(first_of_key, dtype=np.int32) - 1
    kept = np.bincount(number[first_of_text])[number] <= MAX_TASKS
    return keys[kept], owners[kept]


def _differs_from_last(values: NDArray[Any]) -> NDArray[np.bool_]:
    differs = np.ones(len(values), dtype=np.bool_)
    differs[1:] = values[1:] != values[:-1]
    return differs


def _array(keys: Iterable[int]) -> Keys:
    return np.fromiter(keys, dtype=np.uint64)
