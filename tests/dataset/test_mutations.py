"""A thousand rows, most of them broken in a known way: every bad one is refused for its reason,
every good one comes through intact."""

import io
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ketune.dataset.contract import MAX_CHARACTERS
from ketune.sources.raw import raw_file
from ketune.tasks.samples import PreparedSample, answer, question, read_prepared
from tests.dataset.published import (
    Row,
    completion_row,
    encode,
    generation_row,
    good_splits,
    picture,
    prepare,
    qa_row,
    raw_of,
)
from tests.dataset.test_images import encode_gif, png_of_size
from tests.dataset.test_injection import TOKENS

ROWS = 100
NOT_UTF8 = "@not utf-8@"  # put in place of bytes that a parquet writer would refuse

Change = Callable[[Row, random.Random], Row]


@dataclass(frozen=True)
class Mutation:
    """A change of one row of type `kind`, and why the row is refused: None for a good one."""

    name: str
    kind: str
    change: Change
    refused: tuple[str, str] | None = None


def put(field: str, *values: Any) -> Change:
    return lambda row, rng: row | {field: rng.choice(values)}


def insert(field: str, *pieces: str) -> Change:
    """One of `pieces` at a random place of the field."""

    def change(row: Row, rng: random.Random) -> Row:
        text = row[field]
        place = rng.randrange(len(text) + 1)
        return row | {field: text[:place] + rng.choice(pieces) + text[place:]}

    return change


def image(make: Callable[[random.Random], bytes], path: str | None = "figure.png") -> Change:
    return lambda row, rng: row | {"image": {"bytes": make(rng), "path": path}}


def crlf(field: str) -> Change:
    return lambda row, rng: row | {field: row[field].replace("\n", rng.choice(["\r\n", "\r"]))}


def damaged(kind: str, least: float, most: float) -> Callable[[random.Random], bytes]:
    """A picture cut short, keeping a share of its bytes."""

    def make(rng: random.Random) -> bytes:
        data = encode(picture(rng.randrange(50)), kind)
        return data[: int(len(data) * rng.uniform(least, most))]

    return make


def sixteen_bit(rng: random.Random) -> bytes:
    return encode(Image.fromarray(np.full((20, 30), rng.randrange(65536), np.uint16)))


def multi_frame(rng: random.Random) -> bytes:
    return encode_gif([picture(rng.randrange(50)).convert("P") for _ in range(3)])


def in_mode(mode: str, kind: str) -> Callable[[random.Random], bytes]:
    return lambda rng: encode(picture(rng.randrange(50), mode=mode), kind)


def with_metadata(rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    picture(rng.randrange(50)).save(buffer, "JPEG", comment=b"made by hand", dpi=(72, 72))
    return buffer.getvalue()


def bad_text(kind: str, field: str) -> list[Mutation]:
    return [
        Mutation("null", kind, put(field, None), (field, "missing")),
        Mutation("blank", kind, put(field, "", " ", "\n\t "), (field, "blank")),
        Mutation("NUL", kind, insert(field, "\0"), (field, "nul_byte")),
        Mutation("surrogate", kind, insert(field, NOT_UTF8), (field, "not_utf8")),
        Mutation("token", kind, insert(field, *TOKENS), (field, "template_token")),
        Mutation("1 MB", kind, put(field, "x" * (MAX_CHARACTERS + 1), "y" * 10**6),
                 (field, "too_long")),
    ]  # fmt: skip


def bad_code(kind: str) -> list[Mutation]:
    return [
        Mutation("no name", kind, put("entry_point", None, ""),
                 ("entry_point", "missing_entry_point")),
        Mutation("bad name", kind, put("entry_point", "a b", "1a", "f()"),
                 ("entry_point", "bad_entry_point")),
        Mutation("no test", kind, put("test_code", None, "", "  "), ("test_code", "missing_test")),
        Mutation("broken test", kind, put("test_code", "def check(c)", "def test_(:"),
                 ("test_code", "test_syntax")),
        Mutation("idle test", kind, put("test_code", "x = 1", "def helper(): pass"),
                 ("test_code", "empty_test")),
        Mutation("NUL in the test", kind, insert("test_code", "\0"), ("test_code", "nul_byte")),
        Mutation("broken answer", kind, put("answer", "    return (", "    x = = 1", "    'a"),
                 ("answer", "answer_syntax")),
    ]  # fmt: skip


BAD = [
    *(m for kind in ("qa", "code_generation", "function_completion")
      for field in ("question", "answer") for m in bad_text(kind, field)),
    *bad_code("code_generation"),
    *bad_code("function_completion"),
    Mutation("category", "qa", put("category", "cooking", ""), ("category", "unknown_category")),
    Mutation("no category", "qa", put("category", None), ("category", "missing")),
    Mutation("type", "qa", put("type", "essay", "QA"), ("type", "unknown_type")),
    Mutation("test", "qa", put("test_code", "def check(c): ..."), ("test_code", "unexpected_code")),
    Mutation("name", "qa", put("entry_point", "f"), ("entry_point", "unexpected_code")),
    Mutation("undefined", "code_generation", put("entry_point", "other"),
             ("answer", "entry_point_undefined")),
    Mutation("undefined", "function_completion", put("entry_point", "other"),
             ("question", "entry_point_undefined")),
    Mutation("no stub", "function_completion", put("question", "Complete it.", "def f(:"),
             ("question", "stub_syntax")),
    Mutation("no body", "function_completion", put("answer", "value = 1", "# nothing"),
             ("answer", "answer_not_a_body")),
    Mutation("empty image", "qa", image(lambda _: b""), ("image", "image_empty")),
    Mutation("lost image", "qa", put("image", {"bytes": None, "path": "gone.png"}),
             ("image", "image_missing")),
    Mutation("cut PNG", "qa", image(damaged("PNG", 0.05, 0.8)), ("image", "image_corrupt")),
    Mutation("cut JPEG", "qa", image(damaged("JPEG", 0.05, 0.8)), ("image", "image_corrupt")),
    Mutation("cut WebP", "qa", image(damaged("WEBP", 0.05, 0.8)), ("image", "image_corrupt")),
    Mutation("noise", "qa", image(lambda rng: rng.randbytes(500)), ("image", "image_corrupt")),
    Mutation("SVG", "qa", image(lambda _: b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
             ("image", "image_corrupt")),
    Mutation("no size", "qa", image(lambda _: png_of_size(0, 9)), ("image", "image_corrupt")),
    Mutation("bomb", "qa", image(lambda rng: png_of_size(rng.choice([9000, 60_000]), 8000)),
             ("image", "image_too_large")),
    Mutation("strip", "qa", image(lambda _: encode(Image.new("RGB", (2500, 4)))),
             ("image", "image_aspect_ratio")),
    Mutation("floats", "qa", image(lambda _: encode(Image.new("F", (4, 4)), "TIFF")),
             ("image", "image_mode")),
]  # fmt: skip
GOOD = [
    *(Mutation("untouched", kind, lambda row, _: row)
      for kind in ("qa", "code_generation", "function_completion")),
    Mutation("CRLF", "function_completion", crlf("question")),
    Mutation("CRLF", "code_generation", crlf("answer")),
    Mutation("CRLF", "code_generation", crlf("test_code")),
    Mutation("kets", "qa", insert("answer", "<|psi|>", "|0><0|", "<0|H|1>", "⟨ψ|φ⟩", "a < b")),
    Mutation("scripts", "qa", insert("question", "量子", "🙂", "e\u0301", "\u202e", "\x0b")),
    Mutation("nulls", "qa", put("source", None)),
    Mutation("longest", "qa", put("answer", "x" * MAX_CHARACTERS)),
    Mutation("uncategorized", "qa", put("category", "uncategorized")),
    Mutation("token in the test", "code_generation",
             lambda row, _: row | {"test_code": row["test_code"] + "  # <|im_start|>"}),
    Mutation("CMYK", "qa", image(in_mode("CMYK", "JPEG"))),
    Mutation("palette", "qa", image(in_mode("P", "GIF"))),
    Mutation("bilevel", "qa", image(in_mode("1", "PNG"))),
    Mutation("alpha", "qa", image(in_mode("RGBA", "PNG"))),
    Mutation("grey alpha", "qa", image(in_mode("LA", "PNG"))),
    Mutation("16 bits", "qa", image(sixteen_bit)),
    Mutation("animated", "qa", image(multi_frame, "moving.gif")),
    Mutation("wrong extension", "qa", image(in_mode("RGB", "WEBP"), "figure.jpeg")),
    Mutation("metadata", "qa", image(with_metadata, None)),
    Mutation("wide", "qa", image(lambda _: encode(Image.new("RGB", (1800, 300))))),
]  # fmt: skip
MAKERS = {
    "qa": qa_row,
    "code_generation": generation_row,
    "function_completion": completion_row,
}


def made(mutations: list[Mutation], seed: int) -> list[Row]:
    return [
        mutation.change(MAKERS[mutation.kind](number), random.Random(f"{seed}/{number}"))
        for number, mutation in enumerate(mutations)
    ]


def break_encoding(path: Path) -> None:
    """Write the bytes that NOT_UTF8 stands for into a parquet file."""
    table = pq.read_table(path)
    for name in ("question", "answer"):
        values = [
            None if text is None else text.encode().replace(NOT_UTF8.encode(), b"\xed\xa0\x80")
            for text in table[name].to_pylist()
        ]
        _, offsets, data = pa.array(values, pa.binary()).buffers()
        valid = pa.array([value is not None for value in values]).buffers()[1]
        column = pa.StringArray.from_buffers(len(values), offsets, data, valid)
        table = table.set_column(table.schema.get_field_index(name), table.field(name), column)
    pq.write_table(table, path)


def assert_intact(sample: PreparedSample, row: Row) -> None:
    def text(name: str) -> str:
        return (row[name] or "").replace("\r\n", "\n").replace("\r", "\n")

    assert question(sample) == text("question")
    assert answer(sample) == text("answer")
    for name in ("type", "category", "test_code", "entry_point", "source"):
        assert sample[name] == text(name)
    assert len(sample["images"]) == sample["multimodal"] == (row["image"] is not None)


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(BAD) | st.sampled_from(GOOD), min_size=ROWS, max_size=ROWS),
    st.integers(0, 2**32),
)
def test_every_bad_row_is_refused_for_its_reason_and_every_good_one_is_intact(
    tmp_path_factory: pytest.TempPathFactory, mutations: list[Mutation], seed: int
) -> None:
    directory = tmp_path_factory.mktemp("mutated")
    rows = made(mutations, seed)
    raw = raw_of(directory, {**good_splits(1), "train": rows})
    break_encoding(raw_file(raw, "train"))
    summary = prepare(raw, directory / "out", decontaminate="keep")

    refused = {
        line["row"]: (line["field"], line["reason"])
        for line in map(json.loads, (directory / "out" / "quarantine.jsonl").open())
    }
    expected = {n: mutation.refused for n, mutation in enumerate(mutations) if mutation.refused}
    assert refused == expected
    kept = {sample["id"]: sample for sample in read_prepared(directory / "out" / "train.jsonl")}
    assert len(kept) == ROWS - len(refused) == summary["rows"]["train"]
    for number, row in enumerate(rows):
        if number not in refused:
            assert_intact(kept[f"train-{number:06d}"], row)


def test_every_mutation_alone(tmp_path: Path) -> None:
    mutations = [*BAD, *GOOD]
    raw = raw_of(tmp_path, {**good_splits(1), "train": made(mutations, 7)})
    break_encoding(raw_file(raw, "train"))
    prepare(raw, tmp_path / "out", decontaminate="keep")
    lines = [json.loads(line) for line in (tmp_path / "out" / "quarantine.jsonl").open()]
    assert [(line["field"], line["reason"]) for line in lines] == [m.refused for m in BAD]
    assert [line["row"] for line in lines] == list(range(len(BAD)))
    assert all(len(line["message"]) < 400 and "\n" not in line["message"] for line in lines)
    assert len(read_prepared(tmp_path / "out" / "train.jsonl")) == len(GOOD)
