"""Writing the dataset: verified by the real judge, the same bytes however it is run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ketune.judge import Program, Verdict
from ketune.runtime import StageError
from ketune.sources.columns import RAW_SCHEMA
from ketune.synthetic import generate as generating
from ketune.synthetic.families import CORE
from ketune.synthetic.generate import generate
from ketune.synthetic.sample import Family, Task, Tier
from ketune.synthetic.stream import Split

REPOSITORY = Path(__file__).parents[2]
COUNTS: dict[Split, int] = {"train": 24, "test": 12}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KETUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_rows_are_verified_counted_and_reproducible(tmp_path: Path, cache: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    report = generate(COUNTS, 11, 1, one)
    assert report == generate(COUNTS, 11, 2, two)
    assert contents(one) == contents(two)
    splits = report["splits"]
    assert {split: counts["rows"] for split, counts in splits.items()} == COUNTS
    assert all(
        set(counts["rejected"]) <= {"duplicate", "other_split"} for counts in splits.values()
    )
    # 30 % of what is drawn for train is another split's.
    assert sum(splits["train"]["rejected"]["other_split"].values()) >= 2
    assert report["seed"] == 11
    assert report["versions"]["qiskit"]
    assert pq.read_schema(one / "train-00000-of-00001.parquet") == RAW_SCHEMA
    rows = datasets.Dataset.from_parquet(
        str(one / "train-00000-of-00001.parquet"), cache_dir=str(tmp_path / "datasets")
    )
    assert isinstance(rows.features["image"], datasets.Image)
    assert len(rows) == sum(splits["train"]["type"].values()) == 24
    drawn = [image for image in rows["image"] if image is not None]
    assert len(drawn) == splits["train"]["pictures"] > 0
    assert not [path for path in (cache / "ingest").iterdir() if path.is_dir()]


def test_a_reference_that_fails_is_replaced_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> Task:
        return Task("Return one.", "get one -> int", "return 2", "assert candidate() == 1")

    broken = Family("wrong", "circuits_and_gates", 30.0, 0.0, wrong)
    tier = Tier([broken, *CORE.code], CORE.questions)
    monkeypatch.setattr("ketune.synthetic.stream.CORE", tier)
    # "return 2" has one fingerprint, so one split alone can hold it, once.
    counts: dict[Split, int] = {"train": 20, "validation": 20, "test": 20}
    splits = generate(counts, 5, 2, tmp_path)["splits"]
    failed = [split["rejected"].get("wrong_answer", {}) for split in splits.values()]
    assert sum(failure.get("wrong", 0) for failure in failed) == 1
    assert all(split["rows"] == 20 for split in splits.values())
    assert all("wrong" not in split["family"] for split in splits.values())


def test_a_machine_too_slow_for_a_reference_is_an_error_not_another_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overloaded(programs: list[Program], **_: object) -> list[Verdict]:
        return [Verdict(program.task_id, "timeout", "60 s", 60.0) for program in programs]

    monkeypatch.setattr(generating, "judge", lambda *a, **k: iter(overloaded(*a, **k)))
    with pytest.raises(StageError, match=r"timeout in the judge .*run ingest again"):
        generate({"train": 8}, 11, 1, tmp_path)
    assert not list(tmp_path.glob("*.parquet"))


RUN = """
import sys
from pathlib import Path
from ketune.judge import Verdict
from ketune.synthetic import generate as generating
if __name__ == "__main__":
    generating._CHUNK = 16
    generating.judge = lambda programs, **_: (Verdict(p.task_id, "passed", "", 0) for p in programs)
    generating.generate({"train": 64, "test": 16}, 42, int(sys.argv[2]), Path(sys.argv[1]))
"""


def start(directory: Path, workers: int) -> "subprocess.Popen[bytes]":
    directory.mkdir()
    script = directory.parent / "run.py"
    script.write_text(RUN)
    return subprocess.Popen(
        [sys.executable, str(script), str(directory), str(workers)],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )


def test_a_killed_run_goes_on_where_it_was_and_gives_the_same_rows(
    tmp_path: Path, cache: Path
) -> None:
    whole = start(tmp_path / "whole", 1)
    assert whole.wait(timeout=200) == 0
    killed = start(tmp_path / "killed", 2)
    while len(done := sorted(cache.glob("ingest/*/train-*.parquet"))) < 2:
        assert killed.poll() is None
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not list((tmp_path / "killed").glob("*.parquet"))
    # A chunk of its own making, so that whoever computes it again is found out.
    table = pq.read_table(done[0])
    answers = pa.array(["kept"] * len(table))
    pq.write_table(table.set_column(1, "answer", answers), done[0])
    # Another number of workers, so that the resumed run mixes chunks of both.
    resumed = start(tmp_path / "resumed", 1)
    assert resumed.wait(timeout=200) == 0
    assert not [path for path in (cache / "ingest").iterdir() if path.is_dir()]
    for name, ours in (("train", 64), ("test", 16)):
        first, second = (
            pq.read_table(tmp_path / run / f"{name}-00000-of-00001.parquet").to_pylist()
            for run in ("whole", "resumed")
        )
        assert len(first) == len(second) == ours
        kept = 16 if name == "train" else 0
        assert [row["answer"] for row in second[:kept]] == ["kept"] * kept
        assert first[kept:] == second[kept:]
