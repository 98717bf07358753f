"""Near-duplicates across splits: found, reported, and moved or dropped when asked."""

import json
from collections import defaultdict
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.decontamination import renamed
from ketune.dataset.siblings import (
    RELATIONS,
    Group,
    SiblingKeys,
    first_splits,
    groups_across,
)
from ketune.tasks.kinds import SPLITS
from ketune.tasks.samples import read_prepared
from tests.dataset.published import (
    Row,
    Splits,
    completion_row,
    encode,
    generation_row,
    picture,
    prepare,
    qa_row,
    raw_of,
)

ANSWER = """def build_bell(count):
    circuit = QuantumCircuit(count)
    circuit.h(0)
    for target in range(1, count):
        circuit.cx(0, target)
    return circuit
"""


def pictured(number: int, image: int) -> Row:
    return qa_row(number) | {
        "image": {"bytes": encode(picture(image)), "path": None},
        "source": f"{number}.ipynb",
    }


def coded(number: int, answer: str = ANSWER) -> Row:
    row = generation_row(number) | {"image": None, "source": f"{number}.ipynb"}
    name = "solve_0" if "solve_0" in answer else "build_bell"
    return row | {"question": f"Task {number}.", "answer": answer, "entry_point": name}


def alone(number: int) -> Row:
    return completion_row(number) | {"source": f"{number}.ipynb"}


def splits() -> Splits:
    """Siblings: an image in train and test, a program in all three under other names, a question
    in validation and test, a document in train and validation."""
    return {
        "train": [alone(1), pictured(2, 7), coded(3), alone(4) | {"source": "tutorial.ipynb"}],
        "validation": [
            alone(11),
            coded(12, renamed(ANSWER)),
            qa_row(13) | {"question": "What is a qubit, then?", "source": "13"},
            alone(14) | {"source": "tutorial.ipynb"},
        ],
        "test": [
            alone(21),
            pictured(22, 7),
            coded(23),
            qa_row(24) | {"question": "What  is a QUBIT,\nthen", "source": "24"},
        ],
    }


def run(directory: Path, name: str, rows: Splits, **changes: Any) -> tuple[dict[str, Any], Path]:
    out = directory / f"{name}-out"
    summary = prepare(raw_of(directory / name, rows), out, decontaminate="keep", **changes)
    return summary, out


def ids(out: Path) -> dict[str, list[str]]:
    return {split: [s["id"] for s in read_prepared(out / f"{split}.jsonl")] for split in SPLITS}


def test_siblings_are_reported_and_left_where_they_were_published(tmp_path: Path) -> None:
    summary, out = run(tmp_path, "report", splits())
    lines = [json.loads(line) for line in (out / "siblings.jsonl").read_text().splitlines()]
    assert lines == [
        {"relation": "image", "samples": ["train-000001", "test-000001"]},
        {"relation": "prompt", "samples": ["validation-000002", "test-000003"]},
        {"relation": "code", "samples": ["train-000002", "validation-000001", "test-000002"]},
        {"relation": "source", "samples": ["train-000003", "validation-000003"]},
    ]
    nothing = dict.fromkeys(SPLITS, 0)
    assert summary["siblings"] == {
        "rows": {
            "image": {"train_validation": 0, "train_test": 1, "validation_test": 0},
            "prompt": {"train_validation": 0, "train_test": 0, "validation_test": 1},
            "code": {"train_validation": 1, "train_test": 1, "validation_test": 1},
            "source": {"train_validation": 1, "train_test": 0, "validation_test": 0},
        },
        "moved": nothing,
        "dropped": nothing,
    }
    assert summary["rows"] == dict.fromkeys(SPLITS, 4)


def test_siblings_move_to_the_first_split_they_occur_in(tmp_path: Path) -> None:
    summary, out = run(tmp_path, "move", splits(), siblings="move")
    own = [f"train-{number:06d}" for number in range(4)]
    assert ids(out) == {
        "train": [*own, "validation-000001", "test-000001", "test-000002"],
        "validation": [*(f"validation-{n:06d}" for n in (0, 2, 3)), "test-000003"],
        "test": ["test-000000"],
    }
    assert summary["siblings"]["moved"] == {"train": 0, "validation": 1, "test": 3}
    assert summary["rows"] == {"train": 7, "validation": 4, "test": 1}
    moved = read_prepared(out / "train.jsonl")[5]
    assert moved["multimodal"]
    assert (out / "images" / Path(moved["images"][0]).name).is_file()


def test_siblings_are_dropped_from_all_but_the_first_split(tmp_path: Path) -> None:
    summary, out = run(tmp_path, "drop", splits(), siblings="drop", siblings_by=["image", "source"])
    assert ids(out) == {
        "train": [f"train-{number:06d}" for number in range(4)],
        "validation": [f"validation-{number:06d}" for number in (0, 1, 2)],
        "test": [f"test-{number:06d}" for number in (0, 2, 3)],
    }
    assert summary["siblings"]["dropped"] == {"train": 0, "validation": 1, "test": 1}


def test_a_moved_task_is_no_longer_one_to_be_asked(tmp_path: Path) -> None:
    summary, out = run(tmp_path, "move", splits(), siblings="move")
    assert summary["contamination"]["benchmarks"]["dataset"]["tasks"] == 1
    report, _ = run(tmp_path, "report", splits())
    assert report["contamination"]["benchmarks"]["dataset"]["tasks"] == 4
    assert (out / "contamination.jsonl").read_text() == ""


@pytest.mark.parametrize("policy", ["report", "move", "drop"])
def test_bytes_do_not_depend_on_workers(tmp_path: Path, policy: str) -> None:
    raw = raw_of(tmp_path, splits())
    outs = [tmp_path / f"out-{workers}" for workers in (1, 2)]
    for workers, out in enumerate(outs, 1):
        prepare(raw, out, workers, siblings=policy)
    one, two = (
        {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()} for out in outs
    )
    assert one == two


KEYS = st.lists(
    st.tuples(st.integers(0, 2), st.dictionaries(st.sampled_from(RELATIONS), st.integers(0, 6))),
    max_size=40,
)


@given(KEYS)
def test_groups_and_families_are_those_of_a_pairwise_search(
    rows: list[tuple[int, dict[Any, int]]],
) -> None:
    rows.sort(key=lambda row: row[0])
    found = SiblingKeys()
    for number, (_, keys) in enumerate(rows):
        found.add(number, keys)
    place = [split for split, _ in rows]
    groups = list(groups_across(found, place))

    expected: dict[tuple[str, int], list[int]] = defaultdict(list)
    for number, (_, keys) in enumerate(rows):
        for relation, key in keys.items():
            expected[relation, key].append(number)
    assert {(group.relation, group.samples) for group in groups} == {
        (relation, tuple(members))
        for (relation, _), members in expected.items()
        if len({place[number] for number in members}) > 1
    }

    later = first_splits(groups, place)
    after = [later.get(number, split) for number, split in enumerate(place)]
    for group in groups:
        assert len({after[number] for number in group.samples}) == 1
    assert all(after[number] < place[number] for number in later)
    linked = {number for group in groups for number in group.samples}
    assert later.keys() <= linked


def test_siblings_of_siblings_are_one_family() -> None:
    place = [0, 1, 2, 2]
    groups = [Group("image", (1, 2)), Group("code", (0, 1)), Group("prompt", (2, 3))]
    for order in permutations(groups):
        assert first_splits(order, place) == {1: 0, 2: 0, 3: 0}
