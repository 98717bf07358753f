"""Counts and percentiles of data/prepared.record.json."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ketune.dataset.statistics import (
    DataCounts,
    RowFacts,
    count_refused,
    count_row,
    distribution,
    summarise,
)
from ketune.tasks.kinds import Split


def facts(prompt: str, image: str | None = None) -> RowFacts:
    size = (640, 480) if image else None
    digest = f"{prompt}{image}".encode()
    return RowFacts("qa", "circuits_and_gates", len(prompt), 7, 2, 3, digest, image, size)


@given(st.lists(st.integers(0, 50), min_size=1))
def test_percentiles_are_values_with_their_share_below(values: list[int]) -> None:
    result = distribution(Counter(values))
    for percentile in (50, 90, 99):
        value = result[f"p{percentile}"]
        assert value in values
        assert sum(v <= value for v in values) * 100 >= percentile * len(values)
        assert sum(v < value for v in values) * 100 < percentile * len(values)
    assert result["max"] == max(values)


def test_percentiles_of_nothing_are_zero() -> None:
    assert distribution(Counter()) == {"p50": 0, "p90": 0, "p99": 0, "max": 0}


def test_duplicate_prompts_are_counted_within_and_across_splits() -> None:
    counts = DataCounts()
    rows: list[tuple[Split, RowFacts]] = [
        ("train", facts("a")),
        ("train", facts("a")),
        ("train", facts("a", image="1.png")),
        ("validation", facts("b")),
        ("test", facts("a")),
        ("test", facts("b")),
        ("test", facts("b")),
        ("test", facts("c")),
    ]
    for split, row in rows:
        count_row(counts, split, row)
    summary: dict[str, Any] = summarise(counts)
    assert summary["duplicate_prompts"] == {
        "within": {"train": 1, "validation": 0, "test": 1},
        "across": {"train_validation": 0, "train_test": 1, "validation_test": 2},
    }


def test_summary_counts_rows_images_and_reasons() -> None:
    counts = DataCounts()
    count_row(counts, "train", facts("abc"))
    count_row(counts, "train", facts("abcde", image="1.png"))
    count_row(counts, "test", facts("abcdefg", image="1.png"))
    count_refused(counts, "test", "blank")
    summary: dict[str, Any] = summarise(counts)
    assert summary["rows"] == {"train": 2, "validation": 0, "test": 1}
    assert summary["modality"]["train"] == {"text": 1, "multimodal": 1}
    assert summary["types"]["train"] == {"function_completion": 0, "code_generation": 0, "qa": 2}
    assert summary["categories"]["test"]["circuits_and_gates"] == 1
    assert summary["question_characters"]["train"] == {"p50": 3, "p90": 5, "p99": 5, "max": 5}
    assert summary["tokens"]["question"]["train"] == {"p50": 2, "p90": 2, "p99": 2, "max": 2}
    assert summary["tokens"]["sample"]["train"] == {"p50": 5, "p90": 305, "p99": 305, "max": 305}
    assert summary["images"]["unique"] == 1
    assert summary["images"]["tokens"]["p50"] == 300
    assert summary["quarantined"]["rows"] == {"train": 0, "validation": 0, "test": 1}
    assert summary["quarantined"]["reasons"] == {"blank": 1}
