"""Writing the dataset: verified by the real judge, the same bytes however many workers."""

from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest

from stages.dataset.raw import RAW_SCHEMA
from stages.synthetic.families import CODE
from stages.synthetic.generate import generate
from stages.synthetic.sample import Family, Task
from stages.synthetic.stream import Split

COUNTS: dict[Split, int] = {"train": 24, "test": 12}


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_rows_are_verified_counted_and_reproducible(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    report = generate(COUNTS, 11, 1, one)
    generate(COUNTS, 11, 2, two)
    assert contents(one) == contents(two)
    assert {split: counts["rows"] for split, counts in report.items()} == COUNTS
    assert all(counts["rejected"] == {} for counts in report.values())
    assert pq.read_schema(one / "train-00000-of-00001.parquet") == RAW_SCHEMA
    rows = datasets.Dataset.from_parquet(
        str(one / "train-00000-of-00001.parquet"), cache_dir=str(tmp_path / "cache")
    )
    assert isinstance(rows.features["image"], datasets.Image)
    assert len(rows) == sum(report["train"]["type"].values()) == 24
    drawn = [image for image in rows["image"] if image is not None]
    assert len(drawn) == report["train"]["pictures"] > 0


def test_a_reference_that_fails_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> Task:
        return Task("Return one.", ("return 2",), ("assert candidate() == 1",), ("one",), "int")

    broken = [Family("wrong", "circuits_and_gates", 30.0, 0.0, wrong), *CODE]
    monkeypatch.setattr("stages.synthetic.stream.CODE", broken)
    # "return 2" has one fingerprint, so one split alone can hold it, once.
    report = generate({"train": 20, "validation": 20, "test": 20}, 5, 2, tmp_path)
    assert sum(counts["rejected"].get("wrong", 0) for counts in report.values()) == 1
    assert all(counts["rows"] == 20 for counts in report.values())
    assert all("wrong" not in counts["family"] for counts in report.values())
