"""What data/prepared.record.json says about the prepared rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import ceil
from typing import NamedTuple

from ketune.dataset.images import IMAGE_TOKENS, image_tokens
from ketune.dataset.tokens import TOKENIZER
from ketune.tasks.kinds import CATEGORIES, SAMPLE_TYPES, SPLITS, Category, SampleType, Split

_PERCENTILES = (50, 90, 99)

Distribution = dict[str, int]


class RowFacts(NamedTuple):
    """What is counted of one prepared row. Lengths are characters; sizes width and height."""

    type: SampleType
    category: Category
    question_length: int
    answer_length: int
    question_tokens: int
    answer_tokens: int
    prompt: bytes  # digest of question and image: equal digests are the same prompt
    image: str | None
    image_size: tuple[int, int] | None


@dataclass
class DataCounts:
    """Running counts over all splits; its size does not grow with the text or the images."""

    types: Counter[tuple[Split, SampleType]] = field(default_factory=Counter)
    categories: Counter[tuple[Split, Category]] = field(default_factory=Counter)
    multimodal: Counter[Split] = field(default_factory=Counter)
    question_lengths: dict[Split, Counter[int]] = field(default_factory=dict)
    answer_lengths: dict[Split, Counter[int]] = field(default_factory=dict)
    question_tokens: dict[Split, Counter[int]] = field(default_factory=dict)
    answer_tokens: dict[Split, Counter[int]] = field(default_factory=dict)
    sample_tokens: dict[Split, Counter[int]] = field(default_factory=dict)
    image_sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    images: set[str] = field(default_factory=set)
    prompts: dict[bytes, int] = field(default_factory=dict)
    duplicates_within: Counter[Split] = field(default_factory=Counter)
    duplicates_across: Counter[tuple[Split, Split]] = field(default_factory=Counter)
    reasons: Counter[tuple[Split, str]] = field(default_factory=Counter)


def count_row(counts: DataCounts, split: Split, row: RowFacts) -> None:
    """Add one prepared row."""
    counts.types[split, row.type] += 1
    counts.categories[split, row.category] += 1
    counts.multimodal[split] += row.image is not None
    counts.question_lengths.setdefault(split, Counter())[row.question_length] += 1
    counts.answer_lengths.setdefault(split, Counter())[row.answer_length] += 1
    counts.question_tokens.setdefault(split, Counter())[row.question_tokens] += 1
    counts.answer_tokens.setdefault(split, Counter())[row.answer_tokens] += 1
    picture = image_tokens(*row.image_size) if row.image_size else 0
    tokens = row.question_tokens + row.answer_tokens + picture
    counts.sample_tokens.setdefault(split, Counter())[tokens] += 1
    if row.image is not None and row.image_size is not None:
        counts.images.add(row.image)
        counts.image_sizes[row.image_size] += 1
    _count_duplicates(counts, split, row.prompt)


def count_refused(counts: DataCounts, split: Split, reason: str) -> None:
    """Add one quarantined row."""
    counts.reasons[split, reason] += 1


def usable_rows(counts: DataCounts, split: Split) -> int:
    """Prepared rows of a split."""
    return sum(counts.types[split, kind] for kind in SAMPLE_TYPES)


def refused_rows(counts: DataCounts) -> int:
    """Quarantined rows of all splits."""
    return counts.reasons.total()


def summarise(counts: DataCounts) -> dict[str, object]:
    """The counts as the record has them; every key is there even when its count is 0,
    so that two datasets compare line by line. Quarantine reasons are listed when they occur.

    `tokens` leaves out what a chat template adds; a sample's are those of question, answer and
    image."""
    reasons: Counter[str] = Counter()
    for (_, reason), count in counts.reasons.items():
        reasons[reason] += count
    return {
        "rows": {split: usable_rows(counts, split) for split in SPLITS},
        "types": {
            split: {kind: counts.types[split, kind] for kind in SAMPLE_TYPES} for split in SPLITS
        },
        "categories": {
            split: {name: counts.categories[split, name] for name in CATEGORIES} for split in SPLITS
        },
        "modality": {
            split: {
                "text": usable_rows(counts, split) - counts.multimodal[split],
                "multimodal": counts.multimodal[split],
            }
            for split in SPLITS
        },
        "quarantined": {
            "rows": {
                split: sum(n for (of, _), n in counts.reasons.items() if of == split)
                for split in SPLITS
            },
            "reasons": dict(sorted(reasons.items())),
        },
        "duplicate_prompts": {
            "within": {split: counts.duplicates_within[split] for split in SPLITS},
            "across": {
                f"{first}_{second}": counts.duplicates_across[first, second]
                for first, second in combinations(SPLITS, 2)
            },
        },
        "question_characters": _by_split(counts.question_lengths),
        "answer_characters": _by_split(counts.answer_lengths),
        "tokens": {
            "tokenizer": TOKENIZER,
            "question": _by_split(counts.question_tokens),
            "answer": _by_split(counts.answer_tokens),
            "sample": _by_split(counts.sample_tokens),
        },
        "images": {
            "unique": len(counts.images),
            "width": distribution(_map_sizes(counts, [w for w, _ in counts.image_sizes])),
            "height": distribution(_map_sizes(counts, [h for _, h in counts.image_sizes])),
            "tokens": distribution(
                _map_sizes(counts, [image_tokens(w, h) for w, h in counts.image_sizes])
            ),
            "tokens_by_model": {
                name: distribution(
                    _map_sizes(counts, [tokens(w, h) for w, h in counts.image_sizes])
                )
                for name, tokens in IMAGE_TOKENS.items()
            },
        },
    }


def distribution(values: Counter[int]) -> Distribution:
    """Percentiles and maximum of a multiset; zeros when it is empty.

    Nearest rank: the p-th percentile is the smallest value with at least p % of the values at or
    below it, so it is always a value that occurs.
    """
    ordered = sorted(values.items())
    total = values.total()
    result: Distribution = {}
    for percentile in _PERCENTILES:
        rank, seen, at = ceil(percentile * total / 100), 0, 0
        for value, count in ordered:
            at, seen = value, seen + count
            if seen >= rank:
                break
        result[f"p{percentile}"] = at
    return result | {"max": ordered[-1][0] if ordered else 0}


def _by_split(lengths: Mapping[Split, Counter[int]]) -> dict[str, Distribution]:
    return {split: distribution(lengths.get(split, Counter())) for split in SPLITS}


def _map_sizes(counts: DataCounts, values: Sequence[int]) -> Counter[int]:
    """Counts of `values`, one for each image size in order, weighted by the size's rows."""
    mapped: Counter[int] = Counter()
    for value, count in zip(values, counts.image_sizes.values(), strict=True):
        mapped[value] += count
    return mapped


def _count_duplicates(counts: DataCounts, split: Split, prompt: bytes) -> None:
    # One bit a split: which splits have shown this prompt.
    seen = counts.prompts.get(prompt, 0)
    for index, other in enumerate(SPLITS):
        if not seen & 1 << index:
            continue
        if other == split:
            counts.duplicates_within[split] += 1
        else:
            counts.duplicates_across[other, split] += 1
    counts.prompts[prompt] = seen | 1 << SPLITS.index(split)
