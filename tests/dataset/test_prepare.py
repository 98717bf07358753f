"""The prepare stage: nothing good lost, nothing bad kept, the same bytes every time."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ketune.runtime import StageError
from ketune.sources.raw import raw_file
from ketune.tasks.kinds import SPLITS
from ketune.tasks.samples import answer, question, read_prepared
from tests.dataset.published import (
    Row,
    encode,
    generation_row,
    good_rows,
    good_splits,
    picture,
    prepare,
    qa_row,
    raw_of,
    run_stage,
    workspace,
    write_arrow,
    write_parquet,
)


def contents(directory: Path) -> dict[str, bytes]:
    files = (path for path in sorted(directory.rglob("*")) if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def broken_image(content: bytes | None) -> Row:
    return generation_row(900) | {"image": {"bytes": content, "path": "figure.png"}}


BAD_ROWS = [
    (qa_row(901) | {"answer": ""}, "answer", "blank"),
    (qa_row(902) | {"question": "<image>"}, "question", "template_token"),
    (qa_row(903) | {"answer": "a\0"}, "answer", "nul_byte"),
    (generation_row(904) | {"test_code": None}, "test_code", "missing_test"),
    (broken_image(b""), "image", "image_empty"),
    (broken_image(None), "image", "image_missing"),
    (broken_image(encode(picture(1))[:-300]), "image", "image_corrupt"),
    (qa_row(905) | {"type": "essay"}, "type", "unknown_type"),
]


def test_samples_hold_the_rows_in_order(tmp_path: Path) -> None:
    splits = good_splits(7)
    out = tmp_path / "out"
    prepare(raw_of(tmp_path, splits), out)
    for split, rows in splits.items():
        samples = read_prepared(out / f"{split}.jsonl")
        assert [sample["id"] for sample in samples] == [f"{split}-{n:06d}" for n in range(7)]
        for sample, row in zip(samples, rows, strict=True):
            multimodal = row["image"] is not None
            assert [turn["role"] for turn in sample["messages"]] == ["user", "assistant"]
            assert question(sample) == row["question"]
            assert answer(sample) == row["answer"]
            assert sample["messages"][0]["content"].startswith("<image>") is multimodal
            assert sample["multimodal"] is multimodal
            assert len(sample["images"]) == multimodal
            assert (sample["type"], sample["category"]) == (row["type"], row["category"])
            assert sample["test_code"] == (row["test_code"] or "")
            assert sample["entry_point"] == (row["entry_point"] or "")
            for image in sample["images"]:
                assert image.startswith("data/prepared/images/")
                assert (out / "images" / Path(image).name).is_file()
    assert (out / "quarantine.jsonl").read_bytes() == b""


def test_equal_images_are_stored_once(tmp_path: Path) -> None:
    one = encode(picture(1), "PNG")
    same = encode(picture(1), "BMP")
    images = [one, same, encode(picture(2))]
    rows = [generation_row(n) | {"image": {"bytes": b, "path": None}} for n, b in enumerate(images)]
    out = tmp_path / "out"
    summary = prepare(raw_of(tmp_path, {**good_splits(1), "train": rows}), out)
    stored = {path.name for path in (out / "images").iterdir()}
    named = [Path(s["images"][0]).name for s in read_prepared(out / "train.jsonl")]
    assert named[0] == named[1] != named[2]
    assert stored == set(named)
    assert summary["images"]["unique"] == 2
    assert summary["modality"]["train"] == {"text": 0, "multimodal": 3}


def test_bad_rows_are_quarantined_with_their_reason_and_good_ones_are_untouched(
    tmp_path: Path,
) -> None:
    good = good_rows(len(BAD_ROWS))
    mixed = [row for pair in zip((bad for bad, *_ in BAD_ROWS), good, strict=True) for row in pair]
    out, clean = tmp_path / "out", tmp_path / "clean-out"
    summary = prepare(raw_of(tmp_path / "mixed", {**good_splits(2), "train": mixed}), out)
    prepare(raw_of(tmp_path / "clean", {**good_splits(2), "train": good}), clean)

    lines = [json.loads(line) for line in (out / "quarantine.jsonl").read_text().splitlines()]
    assert [(line["split"], line["row"], line["field"], line["reason"]) for line in lines] == [
        ("train", 2 * n, field, reason) for n, (_, field, reason) in enumerate(BAD_ROWS)
    ]
    assert all(line["message"] for line in lines)
    assert summary["quarantined"]["rows"]["train"] == len(BAD_ROWS)
    assert summary["quarantined"]["reasons"]["image_corrupt"] == 1

    kept = read_prepared(out / "train.jsonl")
    expected = read_prepared(clean / "train.jsonl")
    assert [sample["id"] for sample in kept] == [f"train-{2 * n + 1:06d}" for n in range(len(good))]
    for sample, same in zip(kept, expected, strict=True):
        same["id"] = sample["id"]
        assert sample == same


def test_a_row_that_is_not_utf8_does_not_take_its_neighbours_along(tmp_path: Path) -> None:
    raw = raw_of(tmp_path, good_splits(6))
    table = pq.read_table(raw_file(raw, "train"))
    answers = table["answer"].cast(pa.binary()).to_pylist()
    answers[2] = b"half \xed\xa0\x80 of a pair"
    buffers = pa.array(answers, pa.binary()).buffers()
    broken = pa.StringArray.from_buffers(6, buffers[1], buffers[2])
    index = table.schema.get_field_index("answer")
    pq.write_table(table.set_column(index, "answer", broken), raw_file(raw, "train"))
    out = tmp_path / "out"
    prepare(raw, out)
    (line,) = (out / "quarantine.jsonl").read_text().splitlines()
    assert (json.loads(line)["row"], json.loads(line)["reason"]) == (2, "not_utf8")
    assert len(read_prepared(out / "train.jsonl")) == 5


def test_bytes_do_not_depend_on_workers_or_on_the_run(tmp_path: Path) -> None:
    bad = [row for row, *_ in BAD_ROWS]
    good = good_rows(100, first=300)
    splits = {**good_splits(100), "validation": good[:40] + bad + good[40:]}
    raw = raw_of(tmp_path, splits)
    # Twice in this process: what one run has stored must not be missing from the next.
    workers = (1, 1, 2, 3)
    outs = [tmp_path / f"out-{run}" for run in range(len(workers))]
    summaries = [prepare(raw, out, workers=n) for out, n in zip(outs, workers, strict=True)]
    first = contents(outs[0])
    assert len(first) > 50
    assert [contents(out) == first for out in outs] == [True] * len(outs)
    assert len({json.dumps(summary) for summary in summaries}) == 1


def test_every_form_of_a_dataset_gives_the_same_prepared_bytes(tmp_path: Path) -> None:
    splits = good_splits(40)
    forms = [
        write_parquet(tmp_path / "flat", splits),
        write_parquet(tmp_path / "folder" / "data", splits, shards=2).parent,
        write_arrow(tmp_path / "arrow", splits),
    ]
    results = []
    for form in forms:
        root = workspace(tmp_path / f"work-{form.name}", form)
        for stage in ("ingest", "prepare"):
            result = run_stage(root, stage)
            assert result.returncode == 0, result.stderr
        metrics = json.loads((root / "data" / "prepared.record.json").read_text())
        assert metrics.pop("provenance")["source"] == str(form)
        results.append((contents(root / "data" / "prepared"), metrics))
    assert results[1] == results[0]
    assert results[2] == results[0]
    metrics = results[0][1]
    assert metrics["rows"] == {"train": 40, "validation": 40, "test": 40}
    assert metrics["types"]["test"] == {"function_completion": 14, "code_generation": 13, "qa": 13}


def test_too_many_bad_rows_fail_the_stage_and_leave_a_report(tmp_path: Path) -> None:
    bad = [qa_row(n) | {"answer": ""} for n in range(3)]
    splits = {**good_splits(30), "test": good_rows(27, first=600) + bad}
    source = write_parquet(tmp_path / "source", splits)
    root = workspace(tmp_path / "work", source, max_quarantine=0.03)
    assert run_stage(root, "ingest").returncode == 0
    result = run_stage(root, "prepare")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    for text in (
        "3 of 90 rows (3.3%)",
        "data.max_quarantine (3.0%)",
        "blank 3",
        "quarantine.jsonl",
    ):
        assert text in result.stderr
    assert {path.name for path in (root / "data").iterdir()} == {"raw", "quarantine.jsonl"}
    report = (root / "data" / "quarantine.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in report] == [27, 28, 29]
    assert not (root / "metrics").exists()

    root = workspace(tmp_path / "lenient", source, max_quarantine=0.04)
    for stage in ("ingest", "prepare"):
        result = run_stage(root, stage)
        assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "data/prepared: train 30, validation 30, test 27 rows",
        "quarantine.jsonl: 3 rows refused (blank 3)",
        "contamination.jsonl: 0 rows repeat 0 of 27 tasks of dataset; 0 rows dropped, 0 marked",
        "siblings.jsonl: in two splits by image 0, prompt 0, code 0, source 84 rows; "
        "0 moved, 0 dropped",
    ]
    assert {path.name for path in (root / "data").iterdir()} == {
        *("raw", "prepared", "prepared.record.json")
    }


def test_a_split_without_usable_rows_fails_the_stage(tmp_path: Path) -> None:
    splits = {**good_splits(30), "validation": [qa_row() | {"answer": ""}]}
    source = write_parquet(tmp_path / "source", splits)
    root = workspace(tmp_path / "work", source, max_quarantine=0.5)
    assert run_stage(root, "ingest").returncode == 0
    result = run_stage(root, "prepare")
    assert result.returncode == 1
    assert "split validation has no usable row" in result.stderr
    assert not (root / "data" / "prepared").exists()


def test_a_split_that_siblings_empty_fails_the_stage_and_says_so(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "source", good_splits(3))
    root = workspace(tmp_path / "work", source, siblings="move", siblings_by=["source"])
    assert run_stage(root, "ingest").returncode == 0
    result = run_stage(root, "prepare")
    assert result.returncode == 1
    assert "split validation has no row left" in result.stderr
    assert "3 moved as siblings; change data.decontaminate, data.siblings" in result.stderr


def test_prepare_without_raw_data_says_which_stage_to_run(tmp_path: Path) -> None:
    root = workspace(tmp_path / "work", "./none")
    result = run_stage(root, "prepare")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "run the ingest stage" in result.stderr
    assert not list((root / "data").iterdir())


def test_damaged_raw_data_is_named(tmp_path: Path) -> None:
    raw = raw_of(tmp_path, good_splits(3))
    file = raw_file(raw, "validation")
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(StageError, match=r"validation-00000-of-00001\.parquet: truncated"):
        prepare(raw, tmp_path / "out")


@pytest.mark.parametrize("line", ['{"id": "test-000000"}', "{", "[]"])
def test_reading_names_the_line_that_is_not_a_sample(tmp_path: Path, line: str) -> None:
    out = tmp_path / "out"
    prepare(raw_of(tmp_path, good_splits(2)), out)
    path = out / "test.jsonl"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(StageError, match=r"test\.jsonl:3: "):
        read_prepared(path)


def test_reading_a_missing_split_says_which_stage_to_run(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="run the prepare stage"):
        read_prepared(tmp_path / "train.jsonl")


def test_every_split_has_its_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(raw_of(tmp_path, good_splits(1)), out)
    names = {path.name for path in out.iterdir()}
    reports = {"quarantine.jsonl", "contamination.jsonl", "siblings.jsonl"}
    assert names == {"images", *reports, *(f"{split}.jsonl" for split in SPLITS)}
