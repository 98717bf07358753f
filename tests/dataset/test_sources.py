"""Every form of a dataset gives the same data/raw; every broken one fails whole, in one line."""

import json
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict, Features, Image, Value, load_dataset
from PIL import Image as Pillow

from ketune.runtime import StageError
from ketune.sources.raw import raw_file, raw_rows
from ketune.sources.sources import is_local, locate_directory, select_files, write_raw
from ketune.tasks.kinds import SPLITS
from ketune.tasks.samples import answer, question, read_prepared
from stages.ingest import main as ingest_main
from tests.dataset.published import (
    Row,
    dataset,
    encode,
    generation_row,
    good_rows,
    good_splits,
    picture,
    prepare,
    run_stage,
    workspace,
    write_arrow,
    write_parquet,
    write_table,
)


def ingest(source: Path, raw: Path) -> dict[str, bytes]:
    """Bytes of each raw file made from `source`."""
    raw.mkdir()
    write_raw(raw, locate_directory(str(source)))
    return {split: raw_file(raw, split).read_bytes() for split in SPLITS}


def assert_fails_whole(root: Path, *expected: str, **environment: str) -> None:
    """The ingest stage fails in one line that says `expected`, and leaves nothing behind."""
    result = run_stage(root, "ingest", **environment)
    assert result.returncode == 1, result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("error: ")
    for text in expected:
        assert text in result.stderr
    assert not list((root / "data").glob("*")) + list((root / "data").glob(".*"))


def test_every_local_form_gives_the_same_bytes(tmp_path: Path) -> None:
    splits = good_splits(150)
    forms = [
        write_parquet(tmp_path / "flat", splits),
        write_parquet(tmp_path / "folder" / "data", splits).parent,
        write_parquet(tmp_path / "shards", splits, shards=3),
        write_arrow(tmp_path / "arrow", splits),
    ]
    first, *others = [ingest(form, tmp_path / f"raw-{index}") for index, form in enumerate(forms)]
    assert all(other == first for other in others)


def test_raw_rows_are_exactly_those_of_the_source(tmp_path: Path) -> None:
    splits = good_splits(9)
    ingest(write_parquet(tmp_path / "source", splits), tmp_path / "raw")
    loaded = load_dataset("parquet", data_dir=str(tmp_path / "raw"), cache_dir=str(tmp_path / "c"))
    for split, rows in splits.items():
        read = loaded[split].cast_column("image", Image(decode=False))
        assert list(read) == rows
        assert [image is not None for image in loaded[split]["image"]] == [
            row["image"] is not None for row in rows
        ]


def test_the_public_exporters_form_goes_through(tmp_path: Path) -> None:
    """The exporter of samuellimabraz/quantum-assistant: its columns in its order, pictures as PIL
    objects, "" for what is absent; saved to disk beside a manifest and a card."""
    names = ["question", "answer", "category", "type", "test_code", "entry_point"]
    features = Features(
        {name: Value("string") for name in names} | {"image": Image(), "source": Value("string")}
    )

    def exported(rows: list[Row]) -> Dataset:
        columns: dict[str, list[Any]] = {
            name: [row[name] or "" for row in rows] for name in features
        }
        columns["image"] = [picture(n) if row["image"] else None for n, row in enumerate(rows)]
        columns["category"][0] = "uncategorized"
        return Dataset.from_dict(columns, features=features)

    splits = good_splits(12)
    exports = DatasetDict({split: exported(rows) for split, rows in splits.items()})
    assert list(exports["train"].features) == [*names, "image", "source"]
    saved, pushed = tmp_path / "saved", tmp_path / "pushed"
    exports.save_to_disk(saved)
    (saved / "manifest.json").write_text(json.dumps({"splits": list(exports)}))
    (saved / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    (pushed / "data").mkdir(parents=True)
    for split, part in exports.items():
        part.to_parquet(pushed / "data" / f"{split}-00000-of-00001.parquet")

    assert ingest(saved, tmp_path / "raw-1") == ingest(pushed, tmp_path / "raw-2")
    summary = prepare(tmp_path / "raw-1", tmp_path / "out")
    assert summary["quarantined"]["rows"] == dict.fromkeys(SPLITS, 0)
    assert summary["rows"] == dict.fromkeys(SPLITS, 12)
    assert summary["categories"]["train"]["uncategorized"] == 1
    for split, rows in splits.items():
        for sample, row in zip(
            read_prepared(tmp_path / "out" / f"{split}.jsonl"), rows, strict=True
        ):
            assert (question(sample), answer(sample)) == (row["question"], row["answer"])
            assert sample["test_code"] == (row["test_code"] or "")
            assert sample["multimodal"] == (row["image"] is not None)


@pytest.mark.parametrize("form", ["bytes", "path", "both", "object"])
def test_every_encoding_of_an_image_gives_the_same_pixels(tmp_path: Path, form: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    drawn = picture(4)
    file = source / "figure.png"
    file.write_bytes(encode(drawn))
    encodings: dict[str, Any] = {
        "bytes": {"bytes": encode(drawn), "path": None},
        "path": {"bytes": None, "path": str(file)},
        "both": {"bytes": encode(drawn), "path": "elsewhere.jpg"},
        "object": drawn,
    }
    rows = [generation_row(1) | {"image": encodings[form]}]
    DatasetDict(
        {"train": dataset(rows), "validation": dataset(good_rows(3)), "test": dataset(good_rows(3))}
    ).save_to_disk(source)
    ingest(source, tmp_path / "raw")
    prepare(tmp_path / "raw", tmp_path / "out", decontaminate="keep")
    (sample,) = read_prepared(tmp_path / "out" / "train.jsonl")
    with Pillow.open(tmp_path / "out" / "images" / Path(sample["images"][0]).name) as stored:
        assert stored.mode == "RGB"
        assert stored.tobytes() == drawn.convert("RGB").tobytes()


def test_images_named_by_path_are_embedded_from_inside_the_dataset_only(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "source", good_splits(3))
    (source / "images").mkdir()
    inside, outside = source / "images" / "inside.png", tmp_path / "outside.png"
    for path in (inside, outside):
        path.write_bytes(encode(picture(9)))
    names = ["images/inside.png", str(inside), str(outside), "../outside.png", "missing.png"]
    rows = [
        generation_row(n) | {"image": {"bytes": None, "path": name}} for n, name in enumerate(names)
    ]
    write_table(source / "train-00000-of-00001.parquet", rows)

    raw = tmp_path / "raw"
    ingest(source, raw)
    images = pq.read_table(raw_file(raw, "train"))["image"].to_pylist()
    content = inside.read_bytes()
    assert [image["bytes"] for image in images] == [content, content, None, None, None]
    assert images[1]["path"] == "inside.png"


def test_ingest_writes_rows_and_where_they_came_from(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "source", good_splits())
    root = workspace(tmp_path / "work", source)
    result = run_stage(root, "ingest")
    assert result.returncode == 0, result.stderr
    names = {path.name for path in (root / "data" / "raw").iterdir()}
    assert names == {"source.json", *(f"{split}-00000-of-00001.parquet" for split in SPLITS)}
    provenance = json.loads((root / "data" / "raw" / "source.json").read_text())
    assert provenance["source"] == str(source)
    assert (provenance["revision"], provenance["commit"]) == (None, None)
    assert {split: file["rows"] for split, file in provenance["files"].items()} == {
        "train": 6,
        "validation": 6,
        "test": 6,
    }
    first = (root / "data" / "raw" / "source.json").read_bytes()
    assert run_stage(root, "ingest").returncode == 0
    assert (root / "data" / "raw" / "source.json").read_bytes() == first


def test_a_failed_ingest_keeps_the_previous_data(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "source", good_splits(3))
    root = workspace(tmp_path / "work", source)
    assert run_stage(root, "ingest").returncode == 0
    before = {path: path.read_bytes() for path in (root / "data").rglob("*.*")}
    file = source / "test-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes()[:-100])
    assert run_stage(root, "ingest").returncode == 1
    assert {path: path.read_bytes() for path in (root / "data").rglob("*.*")} == before


def test_missing_directory_fails_whole(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    assert_fails_whole(workspace(tmp_path / "work", missing), str(missing), "no such directory")


def test_a_file_is_not_a_dataset(tmp_path: Path) -> None:
    file = tmp_path / "data.parquet"
    file.touch()
    assert_fails_whole(workspace(tmp_path / "work", file), str(file), "is a file")


def test_missing_split_fails_whole(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "source", good_splits(3))
    (source / "validation-00000-of-00001.parquet").unlink()
    assert_fails_whole(workspace(tmp_path / "work", source), "validation-*.parquet", str(source))


@pytest.mark.parametrize("damage", ["cut", "empty", "middle", "text"])
def test_damaged_parquet_fails_whole_and_is_named(tmp_path: Path, damage: str) -> None:
    source = write_parquet(tmp_path / "source", good_splits(30))
    file = source / "test-00000-of-00001.parquet"
    content = bytearray(file.read_bytes())
    if damage == "middle":
        content[200:4000] = bytes(3800)
    damaged: dict[str, bytes] = {
        "cut": bytes(content[:-100]),
        "empty": b"",
        "middle": bytes(content),
        "text": b"<html>Sign in to go on</html>",
    }
    file.write_bytes(damaged[damage])
    assert_fails_whole(workspace(tmp_path / "work", source), str(file), "truncated or corrupt")


@pytest.mark.parametrize("lost", [8, 9, 2000, 10**9])
def test_truncated_arrow_is_named(tmp_path: Path, lost: int) -> None:
    # The last 8 bytes only mark the end: without them every batch still reads.
    source = write_arrow(tmp_path / "source", good_splits(30))
    file = source / "train" / "data-00000-of-00001.arrow"
    file.write_bytes(file.read_bytes()[:-lost])
    with pytest.raises(StageError, match=r"train/data-00000.*truncated"):
        ingest(source, tmp_path / "raw")


@pytest.mark.parametrize(
    ("column", "change", "expected"),
    [
        ("answer", None, "no column 'answer'"),
        ("question", pa.array([1, 2, 3]), "column 'question' is int64, expected string"),
        ("image", pa.array([b"", b"", b""]), "column 'image' is binary, expected struct"),
    ],
)
def test_wrong_columns_are_named(
    tmp_path: Path, column: str, change: pa.Array | None, expected: str
) -> None:
    source = write_parquet(tmp_path / "source", good_splits(3))
    file = source / "train-00000-of-00001.parquet"
    table = pq.read_table(file)
    index = table.schema.get_field_index(column)
    table = (
        table.remove_column(index) if change is None else table.set_column(index, column, change)
    )
    pq.write_table(table.replace_schema_metadata(), file)
    with pytest.raises(StageError, match=f"train-00000-of-00001.parquet: {expected}"):
        ingest(source, tmp_path / "raw")


def test_other_string_types_and_all_null_columns_give_the_same_rows(tmp_path: Path) -> None:
    rows = [row | {"image": None, "entry_point": None} for row in good_rows(2)]
    splits = {**good_splits(2), "train": rows}
    plain = write_parquet(tmp_path / "plain", splits)
    other = shutil.copytree(plain, tmp_path / "other")
    table = pq.read_table(other / "train-00000-of-00001.parquet").replace_schema_metadata()
    columns = {name: table[name] for name in reversed(table.column_names)}
    columns["answer"] = columns["answer"].cast(pa.large_string())
    columns["type"] = columns["type"].dictionary_encode()
    columns["image"] = columns["entry_point"] = pa.nulls(2)
    columns["extra"] = pa.array([1, 2])
    pq.write_table(pa.table(columns), other / "train-00000-of-00001.parquet")
    assert ingest(plain, tmp_path / "raw-1") == ingest(other, tmp_path / "raw-2")


def test_single_split_on_disk_is_explained(tmp_path: Path) -> None:
    source = write_arrow(tmp_path / "source", good_splits(3))
    with pytest.raises(StageError, match="DatasetDict"):
        locate_directory(str(source / "train"))


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["train-00000-of-00002.parquet"], "1 of 2 shards"),
        (["train-00000-of-00001.parquet", "train-00000-of-00002.parquet"], "mixes"),
        (["train-0.parquet", "data/train-0.parquet"], "both flat and in data/"),
        (["other/train-0.parquet"], "no train-"),
    ],
)
def test_incomplete_or_ambiguous_files_are_refused(names: list[str], problem: str) -> None:
    rest = ["validation-0.parquet", "test-0.parquet"]
    with pytest.raises(StageError, match=problem):
        select_files([*names, *rest], "here")


@pytest.mark.parametrize(
    ("source", "local"),
    [
        ("./data", True), ("../data", True), ("/data/set", True), ("~/set", True),
        ("some/long/path", True), ("org/name", False), ("name", False), ("here", True),
    ],
)  # fmt: skip
def test_what_is_taken_for_a_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, local: bool
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    assert is_local(source) is local


def test_synthetic_rows_are_generated_at_the_sizes_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def generate(counts: dict[str, int], *, seed: int, workers: int, directory: Path) -> None:
        asked.update(seed=seed, parallel=workers >= 1)
        for split, count in counts.items():
            write_table(directory / f"{split}-00000-of-00001.parquet", good_rows(count))

    # The generator itself has its own tests; here its rows only have to arrive.
    module = types.ModuleType("ketune.synthetic.generate")
    monkeypatch.setattr(module, "generate", generate, raising=False)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    sizes = {"synthetic_train": 5, "synthetic_validation": 3, "synthetic_test": 4}
    monkeypatch.chdir(workspace(tmp_path / "work", "synthetic", seed=7, **sizes))
    ingest_main()
    assert asked == {"seed": 7, "parallel": True}
    rows = {split: raw_rows(Path("data/raw"), split) for split in SPLITS}
    assert rows == {"train": 5, "validation": 3, "test": 4}
    assert json.loads(Path("data/raw/source.json").read_text())["source"] == "synthetic"
