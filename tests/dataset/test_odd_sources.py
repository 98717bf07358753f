"""Sources that people have: odd names, foreign files, images in odd places."""

import base64
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from datasets import ClassLabel, Dataset, DatasetDict

from ketune.runtime import StageError
from ketune.sources import raw
from ketune.sources.raw import raw_file
from ketune.sources.sources import locate_directory, select_files, write_raw
from tests.dataset.published import (
    FEATURES,
    Row,
    dataset,
    encode,
    generation_row,
    good_rows,
    good_splits,
    picture,
    prepare,
    qa_row,
    write_arrow,
    write_parquet,
    write_table,
)
from tests.dataset.test_sources import ingest

REST = ["validation-0.parquet", "test-0.parquet"]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["train-00000-of-00003-9e5ae8fee4c0aba0.parquet"], "1 of 3 shards"),
        (["train-0-of-2.parquet"], "1 of 2 shards"),
        (
            ["train-00000-of-00001.parquet", "train-00000-of-00001-9e5ae8fee4c0aba0.parquet"],
            "2 files for 1 of 1 shards",
        ),
        (
            ["train-00000-of-00002.parquet", "train-00000-of-00002-9e5a.parquet"],
            "2 files for 1 of 2 shards",
        ),
        (["train-00000-of-00001.parquet", "train-00000-of-00001 (1).parquet"], "second copy"),
        (["train-0.parquet", "train-0 (1).parquet"], "second copy"),
        (["train-0.parquet", "train-0 - Copy.parquet"], "second copy"),
        (["train-0.parquet", "train-0 copy 2.parquet"], "second copy"),
        (["train-0.parquet", "train-0 - Kopie.parquet"], "second copy"),
        (["train-00000-of-00001.parquet", "train-old.parquet"], "beside numbered shards"),
        (["train-00000-of-00002.parquet", "train-00002-of-00002.parquet"], r"shards \[0, 2\] of 2"),
        (["train-00000-of-00001.parquet", "train-1-of-1.parquet"], r"shards \[0, 1\] of 1"),
        (["train-00005-of-00001.parquet"], r"shards \[5\] of 1"),
        (["train-a.parquet", "train.parquet"], "'train.parquet' is not read"),
        (["train-a.parquet", "Train-b.parquet"], "'Train-b.parquet' is not read"),
        (["train-a.parquet", "train-b.PARQUET"], "'train-b.PARQUET' is not read"),
        (["data/train-a.parquet", "data/train.parquet"], "'data/train.parquet' is not read"),
    ],
)
def test_shards_that_miss_or_repeat_rows_are_refused(names: list[str], problem: str) -> None:
    with pytest.raises(StageError, match=problem):
        select_files([*names, *REST], "here")


@pytest.mark.parametrize(
    "names",
    [
        ["train-00000-of-00002-9e5ae8fee4c0aba0.parquet", "train-00001-of-00002-0c4a.parquet"],
        ["train-00001-of-00002.parquet", "train-00002-of-00002.parquet"],
        ["train-a.parquet", "train-b.parquet"],
        ["data/train-a.parquet"],
    ],
)
def test_whole_sets_of_shards_are_taken(names: list[str]) -> None:
    assert select_files([*names, *REST], "here")["train"] == names


def test_two_files_of_the_same_bytes_are_refused(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "source", good_splits(3))
    content = (source / "train-00000-of-00001.parquet").read_bytes()
    (source / "train-00000-of-00001.parquet").rename(source / "train-a.parquet")
    (source / "train-b.parquet").write_bytes(content)
    with pytest.raises(StageError, match=r"train-b.parquet: the same bytes as train-a.parquet"):
        ingest(source, tmp_path / "raw")


def images_of(source: Path, raw_directory: Path, rows: list[Row]) -> list[dict[str, Any]]:
    """The raw images of train rows in `source`, whose other splits are there."""
    write_table(source / "train-00000-of-00001.parquet", rows)
    ingest(source, raw_directory)
    images: list[dict[str, Any]] = pq.read_table(raw_file(raw_directory, "train"))[
        "image"
    ].to_pylist()
    return images


def named(path: str) -> Row:
    return generation_row() | {"image": {"bytes": None, "path": path}}


def test_images_lie_beside_the_rows_or_in_a_snapshots_blobs(tmp_path: Path) -> None:
    content = encode(picture(5))
    snapshot = tmp_path / "models--x" / "snapshots" / "0123"
    (snapshot / "data" / "images").mkdir(parents=True)
    (tmp_path / "models--x" / "blobs").mkdir()
    (tmp_path / "models--x" / "blobs" / "abc").write_bytes(content)
    (snapshot / "data" / "images" / "a.png").symlink_to("../../../../blobs/abc")
    (tmp_path / "secret.png").write_bytes(content)
    (snapshot / "data" / "b.png").symlink_to(tmp_path / "secret.png")
    write_parquet(snapshot / "data", good_splits(2))
    rows = [named(name) for name in ("images/a.png", "data/images/a.png", "b.png")]
    (snapshot / "data" / "train-00000-of-00001.parquet").unlink()
    write_table(snapshot / "data" / "train-00000-of-00001.parquet", rows)
    ingest(snapshot, tmp_path / "raw")
    images = pq.read_table(raw_file(tmp_path / "raw", "train"))["image"].to_pylist()
    assert [image["bytes"] for image in images] == [content, content, None]
    inner = snapshot / "data"
    ingest(inner, tmp_path / "raw-inner")
    images = pq.read_table(raw_file(tmp_path / "raw-inner", "train"))["image"].to_pylist()
    assert [image["bytes"] for image in images] == [content, content, None]


def test_an_image_that_is_not_there_costs_its_row_and_is_named(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "source", good_splits(3))
    loop = source / "loop.png"
    loop.symlink_to(loop)
    names = ["gone/figure.png", "a\0.png", "x" * 5000, "loop.png", "/etc/hostname", "."]
    images = images_of(source, tmp_path / "raw", [*map(named, names), *good_rows(3, 800)])
    assert [image["bytes"] for image in images[:6]] == [None] * 6
    prepare(tmp_path / "raw", tmp_path / "out", decontaminate="keep")
    lines = list(map(json.loads, (tmp_path / "out" / "quarantine.jsonl").open()))
    assert [(line["row"], line["reason"]) for line in lines] == [
        (row, "image_missing") for row in range(6)
    ]
    assert "'figure.png'" in lines[0]["message"]
    assert all(len(line["message"]) < 300 for line in lines)


def test_a_data_url_is_decoded(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "source", good_splits(3))
    content = encode(picture(3))
    url = "data:image/png;base64," + base64.b64encode(content).decode()
    rows = [named(url), named("data:image/png;base64,%%"), named("data:image/svg+xml,<svg/>")]
    images = images_of(source, tmp_path / "raw", rows)
    assert [image["bytes"] for image in images] == [content, None, None]
    assert images[0]["path"] == "data URL"


@pytest.mark.parametrize(
    "state",
    ["{}", "[]", "null", "{", '{"_data_files": [1]}', '{"_data_files": [{"filename": null}]}',
     '{"_data_files": [{"filename": "../../x.arrow"}]}',
     '{"_data_files": [{"filename": "a.arrow"}, {"filename": "a.arrow"}]}',
     '{"_data_files": [{"filename": "\\u0000"}]}', "[" * 100_000,
     '{"_data_files": [{"filename": "data-00000-of-00001.arrow"}],'
     ' "_indices_data_files": [{"filename": "indices.arrow"}]}'],
)  # fmt: skip
def test_a_state_file_of_another_tool_is_named(tmp_path: Path, state: str) -> None:
    source = write_arrow(tmp_path / "source", good_splits(3))
    (source / "validation" / "state.json").write_text(state)
    with pytest.raises(StageError, match=r"validation/state.json: not as .*save_to_disk"):
        locate_directory(str(source))


def test_rows_in_two_forms_are_refused(tmp_path: Path) -> None:
    source = write_parquet(write_arrow(tmp_path / "source", good_splits(3)), good_splits(3))
    with pytest.raises(StageError, match=r"save_to_disk wrote and 'test-.*keep one of the two"):
        locate_directory(str(source))


def test_a_file_that_cannot_be_opened_is_not_called_corrupt(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "source", good_splits(3))
    path = source / "train-00000-of-00001.parquet"
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(StageError, match=r"train-.*: cannot be opened \(No such file"):
        ingest(source, tmp_path / "raw")


@pytest.mark.parametrize("form", ["arrow", "parquet"])
def test_a_split_without_rows_is_named(tmp_path: Path, form: str) -> None:
    source = (write_arrow if form == "arrow" else write_parquet)(tmp_path / "source", good_splits())
    if form == "arrow":
        state = source / "validation" / "state.json"
        state.write_text(json.dumps(json.loads(state.read_text()) | {"_data_files": []}))
    else:
        write_table(source / "validation-00000-of-00001.parquet", [])
    with pytest.raises(StageError, match="split validation has no rows"):
        ingest(source, tmp_path / "raw")


def test_views_and_large_columns_give_the_same_bytes(tmp_path: Path) -> None:
    plain = write_parquet(tmp_path / "plain", good_splits(6))
    first = ingest(plain, tmp_path / "raw-plain")
    for name, binary, text in (
        ("view", pa.binary_view(), pa.string_view()),
        ("large", pa.large_binary(), pa.large_string()),
    ):
        other = tmp_path / name
        other.mkdir()
        for path in plain.iterdir():
            table = pq.read_table(path).replace_schema_metadata()
            image = pa.struct([("bytes", binary), ("path", text)])
            schema = pa.schema(
                [(f.name, image if f.name == "image" else text) for f in table.schema]
            )
            pq.write_table(pa.Table.from_pylist(table.to_pylist(), schema), other / path.name)
        assert ingest(other, tmp_path / f"raw-{name}") == first


def test_a_class_label_names_the_remedy(tmp_path: Path) -> None:
    splits = good_splits(3)
    names = ["qa", "code_generation", "function_completion"]
    features = FEATURES.copy() | {"type": ClassLabel(names=names)}

    def labelled(rows: list[Row]) -> Dataset:
        numbers = [row | {"type": names.index(row["type"])} for row in rows]
        return Dataset.from_list(numbers, features=type(FEATURES)(features))

    DatasetDict({split: labelled(rows) for split, rows in splits.items()}).save_to_disk(
        tmp_path / "source"
    )
    with pytest.raises(StageError, match=r"'type' is a ClassLabel \(int64\).*names\["):
        ingest(tmp_path / "source", tmp_path / "raw")


def test_a_pointer_of_git_lfs_is_called_one(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "source", good_splits(3))
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (source / "test-00000-of-00001.parquet").write_text(pointer)
    with pytest.raises(StageError, match=r"test-00000.*Git LFS pointer.*git lfs pull"):
        ingest(source, tmp_path / "raw")


class _Keys(pe.KmsClient):  # type: ignore[misc]
    """Keys wrapped by nothing: only the file has to be an encrypted one."""

    def wrap_key(self, key: bytes, _: str) -> str:
        return base64.b64encode(key).decode()

    def unwrap_key(self, wrapped: str, _: str) -> bytes:
        return base64.b64decode(wrapped)


@pytest.mark.parametrize("plaintext_footer", [True, False])
def test_encrypted_parquet_is_called_encrypted(tmp_path: Path, plaintext_footer: bool) -> None:
    source = write_parquet(tmp_path / "source", good_splits(3))
    path = source / "train-00000-of-00001.parquet"
    table = pq.read_table(path)
    settings = pe.EncryptionConfiguration(
        footer_key="k", column_keys={"k": ["answer"]}, plaintext_footer=plaintext_footer
    )
    factory = pe.CryptoFactory(lambda _: _Keys())
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), settings)
    with pq.ParquetWriter(path, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    with pytest.raises(StageError, match=r"train-00000.*encrypted parquet"):
        ingest(source, tmp_path / "raw")


def test_row_groups_close_by_bytes_and_do_not_depend_on_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raw, "_GROUP_BYTES", 5000)
    splits = {**good_splits(3), "train": [qa_row(n) | {"answer": "x" * 900} for n in range(23)]}
    forms = [
        write_parquet(tmp_path / "parquet", splits, shards=3),
        write_arrow(tmp_path / "arrow", splits),
    ]
    made = []
    for form in forms:
        directory = tmp_path / f"raw-{form.name}"
        directory.mkdir()
        write_raw(directory, locate_directory(str(form)))
        made.append(raw_file(directory, "train").read_bytes())
        groups = pq.read_metadata(raw_file(directory, "train"))
        sizes = [groups.row_group(n).num_rows for n in range(groups.num_row_groups)]
        assert sum(sizes) == 23
        assert max(sizes) == 5
    assert made[0] == made[1]


def test_a_batch_larger_than_a_piece_keeps_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ketune.sources import columns  # noqa: PLC0415

    source = write_arrow(tmp_path / "source", {**good_splits(3), "train": good_rows(50)})
    whole = ingest(source, tmp_path / "raw-1")
    monkeypatch.setattr(columns, "_PIECE_BYTES", 700)
    assert ingest(source, tmp_path / "raw-2") == whole
    assert [row["question"] for row in dataset(good_rows(50))] == pq.read_table(
        raw_file(tmp_path / "raw-2", "train")
    )["question"].to_pylist()
