"""What applies to a baseline, and completions that were produced elsewhere."""

import bz2
import gzip
import hashlib
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from ketune.generation.imported import import_completions
from ketune.params import Baseline
from ketune.runtime import StageError
from ketune.tasks.benchmarks import Task, applicable


def task(benchmark: str, number: int, source_id: str, images: tuple[str, ...] = ()) -> Task:
    return Task(
        task_id=f"{benchmark}/{number}",
        benchmark=benchmark,
        type="code_generation",
        category="",
        question="q",
        images=images,
        test_code="",
        entry_point="",
        reference="",
        multimodal=bool(images),
        source_id=source_id,
    )


NORMAL = [task("normal", n, f"qiskitHumanEval/{n}") for n in range(3)]
HARD = [task("hard", n, f"qiskitHumanEval/{n}") for n in range(3)]
SEEN = [task("dataset", 7, "test-000007", ("a.png",))]


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows(tasks: list[Task], **more: Any) -> list[dict[str, Any]]:
    return [{"task_id": t.task_id, "completion": f"for {t.task_id}", **more} for t in tasks]


def test_a_text_only_model_is_not_asked_about_images() -> None:
    everything = NORMAL + SEEN
    assert applicable(everything, Baseline()) == everything
    assert applicable(everything, Baseline(multimodal=False)) == NORMAL
    assert applicable(everything + HARD, Baseline(benchmarks=["hard"])) == HARD


def test_completions_come_in_the_order_of_the_tasks(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", rows(list(reversed(NORMAL + HARD)), model="ignored"))
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    completions = import_completions(path, NORMAL + HARD, md5)
    assert [c["task_id"] for c in completions] == [t.task_id for t in NORMAL + HARD]
    assert completions[1] == {
        "task_id": "normal/1",
        "benchmark": "normal",
        "condition": "standard",
        "sample": 0,
        "completion": "for normal/1",
        "truncated": False,
    }


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    told = "one\u2028two\x85three\x0c"
    lines = [
        json.dumps({"task_id": t.task_id, "completion": told}, ensure_ascii=False) for t in NORMAL
    ]
    path = tmp_path / "c.jsonl"
    path.write_text("\r\n".join(lines), encoding="utf-8", newline="")
    assert [c["completion"] for c in import_completions(path, NORMAL)] == [told] * 3


def test_a_benchmarks_own_ids_do_where_they_are_unambiguous(tmp_path: Path) -> None:
    own = [{"task_id": t.source_id, "completion": "x"} for t in HARD]
    path = write(tmp_path / "c.jsonl", own)
    assert [c["task_id"] for c in import_completions(path, HARD)] == [t.task_id for t in HARD]
    with pytest.raises(
        StageError,
        match=r"c\.jsonl:1: task_id: 'qiskitHumanEval/0' is in normal and hard; write "
        r"'normal/0' or 'hard/0', or limit the benchmarks",
    ):
        import_completions(path, NORMAL + HARD)


def test_samples_and_blanked_images_are_kept_apart(tmp_path: Path) -> None:
    blank = rows(SEEN, condition="blank_images", truncated=True)
    lines = [row | {"sample": n} for n in (1, 0) for row in rows(SEEN) + blank]
    completions = import_completions(write(tmp_path / "c.jsonl", lines), SEEN)
    assert [(c["condition"], c["sample"], c["truncated"]) for c in completions] == [
        ("standard", 0, False),
        ("standard", 1, False),
        ("blank_images", 0, True),
        ("blank_images", 1, True),
    ]


GOOD = rows(NORMAL)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            [*GOOD, {"task_id": "HumanEval/1", "completion": ""}],
            r":4: task_id: 'HumanEval/1' is no",
        ),
        (
            [*GOOD, GOOD[1]],
            r":4: task_id: a second completion of normal/1, the first is .*:2; number",
        ),
        (GOOD[:2], r"no completion of normal/2 \(standard; 1 of 3 lack one\)"),
        ([GOOD[0] | {"completion": None}], r":1: completion: .*string"),
        ([{"task_id": "normal/1"}], r":1: completion: .*required"),
        ([GOOD[0] | {"solution": "other"}], r":1: completion: it is not its solution"),
        ([GOOD[0] | {"completion": "half \ud83d"}], r":1: completion: it holds half a character"),
        (["text"], r":1: line: .*dictionary"),
        ([*GOOD, GOOD[0] | {"sample": 1}], r"normal/1 \(standard\) has samples \[0\]; .* 0 to 1"),
        ([GOOD[0] | {"sample": -1}], r":1: sample: .*greater than or equal to 0"),
        ([GOOD[0] | {"condition": "blank_images"}], r":1: condition: normal/0 has no image"),
    ],
)
def test_what_is_wrong_is_named_by_line_or_task(
    tmp_path: Path, lines: list[Any], told: str
) -> None:
    path = write(tmp_path / "c.jsonl", lines)
    with pytest.raises(StageError, match=r"c\.jsonl.*" + told) as failure:
        import_completions(path, NORMAL)
    assert "\n" not in str(failure.value)


def test_a_file_that_is_not_there_not_json_or_not_the_pinned_one(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with pytest.raises(StageError, match=r"c\.jsonl not found"):
        import_completions(path, NORMAL)
    path.write_text('{"task_id": "normal/0", "completion": "x"}\n{"task_id"\n')
    with pytest.raises(StageError, match=r"c\.jsonl:2: not JSON"):
        import_completions(path, NORMAL)
    path.write_bytes(b"\xff\n")
    with pytest.raises(StageError, match=r"c\.jsonl:1: not UTF-8 .*iconv"):
        import_completions(path, NORMAL)
    write(path, GOOD)
    found = hashlib.md5(path.read_bytes()).hexdigest()
    with pytest.raises(StageError, match=f"MD5 is {found}, its baseline pins 0+; set md5"):
        import_completions(path, NORMAL, "0" * 32)


TEXT = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows(NORMAL, note="ψ"))


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(TEXT.encode(), mtime=0),
        bz2.compress(TEXT.encode()),
        lzma.compress(TEXT.encode()),
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-32"),
        TEXT.replace("\n", "\r\n\r\n").encode(),
        f"\n \n{TEXT}\n\n".encode(),
        json.dumps(rows(NORMAL), indent=2).encode(),
        gzip.compress(json.dumps(rows(NORMAL)).encode("utf-16"), mtime=0),
        TEXT.replace('"completion"', '"solution"').encode(),
    ],
)
def test_a_users_file_is_read_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(content)
    found = import_completions(path, NORMAL, hashlib.md5(content).hexdigest())
    assert [c["completion"] for c in found] == [f"for normal/{n}" for n in range(3)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            TEXT.encode("latin-1", "xmlcharrefreplace") + b'{"a": "\xe9"}\n',
            r":4: not UTF-8 .*LATIN1",
        ),
        (TEXT.encode("utf-16-le"), r": UTF-16 or binary .*iconv"),
        (gzip.compress(TEXT.encode(), mtime=0)[:40], r": compressed, but damaged"),
        (b"PK\x03\x04rest", r": a zip archive"),
        (b"PAR1rest", r": a Parquet file"),
        (b"version https://git-lfs.github.com/spec/v1\n", r": a Git LFS pointer .*git lfs pull"),
        (b"", r": it holds no completions"),
        (b"[]", r": it holds no completions"),
        (json.dumps({"task_id": "normal/0"}, indent=1).encode(), r": one JSON object over 3 lines"),
        (b"[1, 2", r": not JSON"),
        (b"[" * 100_000, r": .*nested too deeply"),
        (b'{"task_id": "normal/0", "completion": ["a"]}', r":1: completion: .*string"),
        (b"[1]", r": row 1: line: .*dictionary"),
    ],
)
def test_what_is_wrong_with_a_users_file_is_one_true_line(
    tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(content)
    with pytest.raises(StageError, match=r"c\.jsonl" + told) as failure:
        import_completions(path, NORMAL)
    assert "\n" not in str(failure.value)
    assert "stage" not in str(failure.value)
    with pytest.raises(StageError, match="Is a directory"):
        import_completions(tmp_path, NORMAL)
