"""Writing the dataset: verified by the real judge, the same bytes however many workers."""

from pathlib import Path

import datasets
import pytest

from stages.synthetic.families import CODE
from stages.synthetic.generate import SCHEMA, generate
from stages.synthetic.sample import RAW_COLUMNS, Family, Task
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
    assert report["rows"] == COUNTS
    assert report["rejected"] == {"train": {}, "test": {}}
    rows = datasets.Dataset.from_parquet(
        str(one / "train-00000-of-00001.parquet"), cache_dir=str(tmp_path / "cache")
    )
    assert tuple(rows.column_names) == RAW_COLUMNS
    assert len(rows) == 24
    assert SCHEMA.names == list(RAW_COLUMNS)


def test_a_reference_that_fails_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> Task:
        return Task("Return one.", ("return 2",), ("assert candidate() == 1",), ("one",), "int")

    broken = [Family("wrong", "circuits_and_gates", 30.0, 0.0, wrong), *CODE]
    monkeypatch.setattr("stages.synthetic.stream.CODE", broken)
    # "return 2" has one fingerprint, so one split alone can hold it, once.
    report = generate({"train": 20, "validation": 20, "test": 20}, 5, 2, tmp_path)
    assert sum(counts.get("wrong", 0) for counts in report["rejected"].values()) == 1
    assert report["rows"] == {"train": 20, "validation": 20, "test": 20}
    assert all("wrong" not in families for families in report["families"].values())
