"""Benchmark tasks among the rows are found in every disguise, clean rows are left alone."""

import ast
import hashlib
import json
import random
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.decontamination import measure, precision, renamed
from ketune.dataset.fingerprints import code_keys, gram_keys
from ketune.dataset.overlap import (
    KINDRED,
    RULES,
    Content,
    fingerprint,
    index_tasks,
    overlaps,
    task_print,
)
from ketune.params import Benchmark, load_params
from ketune.runtime import StageError, read_jsonl
from ketune.synthetic.stream import samples
from ketune.tasks.benchmarks import load_tasks
from ketune.tasks.samples import read_prepared
from tests.dataset.published import (
    REPOSITORY,
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
    write_parquet,
)

PROGRAM = '''import numpy as np
from qiskit import QuantumCircuit

def w_state(n_qubits: int) -> QuantumCircuit:
    """Prepare the W state on the given number of qubits with a cascade of controlled rotations."""
    circuit = QuantumCircuit(n_qubits)  # starts in zero
    circuit.x(0)
    for i in range(n_qubits - 1):
        angle = 2 * np.arccos(np.sqrt(1 / (n_qubits - i)))
        circuit.cry(angle, i, i + 1)
        circuit.cx(i + 1, i)
    return circuit
'''
QUESTION = (
    "Prepare the W state on the given number of qubits with a cascade of controlled rotations.\n"
    "You must implement this using a function named `w_state`."
)
TEST = (
    "def check(candidate):\n    circuit = candidate(3)\n"
    "    amplitudes = abs(Statevector(circuit).data) ** 2\n"
    "    assert all(abs(amplitudes[2**k] - 1 / 3) < 1e-9 for k in range(3))"
)


def benchmark(directory: Path, **changes: Any) -> Benchmark:
    """A benchmark file of one task, in Qiskit HumanEval's form."""
    task = {
        "task_id": "qiskitHumanEval/7",
        "prompt": QUESTION,
        "canonical_solution": PROGRAM,
        "test": TEST,
        "entry_point": "w_state",
        "difficulty_scale": "basic",
    }
    content = json.dumps([task]).encode()
    path = directory / "tasks.json"
    path.write_bytes(content)
    md5 = hashlib.md5(content).hexdigest()
    return Benchmark.model_validate(
        {"name": "w", "path": "tasks.json", "md5": md5, "type": "code_generation"} | changes
    )


def row_of(**changes: Any) -> Row:
    task = {
        "question": QUESTION,
        "answer": PROGRAM,
        "test_code": TEST,
        "entry_point": "w_state",
        "image": None,
    }
    return generation_row(0) | task | changes


PLANTED: dict[str, Row] = {
    "verbatim": row_of(),
    "reformatted": row_of(
        question=QUESTION.upper().replace(" ", "\n"), answer=ast.unparse(ast.parse(PROGRAM))
    ),
    "renamed": row_of(
        question="Entangle the qubits.",
        answer=renamed(PROGRAM),
        test_code="def test_it():\n    assert solve_0(2)",
        entry_point="solve_0",
    ),
    "prompt": qa_row(1) | {"question": f"{QUESTION} Explain how.", "answer": "By rotations."},
    "solution": row_of(question="Make something entangled.", test_code="def test_it():\n    pass"),
    "shown": qa_row(2) | {"answer": f"For instance:\n\n```python\n{PROGRAM}```\n"},
}


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_planted_tasks_are_dropped_from_training_and_clean_rows_stay(directory: Path) -> None:
    mixed = [row for pair in zip(PLANTED.values(), good_rows(6), strict=True) for row in pair]
    raw = raw_of(directory / "mixed", {**good_splits(3), "train": mixed})
    summary = prepare(raw, directory / "out", benchmarks=[benchmark(directory)])
    kept = [sample["id"] for sample in read_prepared(directory / "out" / "train.jsonl")]
    assert kept == [f"train-{number:06d}" for number in range(1, 12, 2)]

    found = lines(directory / "out" / "contamination.jsonl")
    by_row = {row["sample"]: {r["rule"] for r in found if r["sample"] == row["sample"]}
              for row in found}  # fmt: skip
    assert [by_row[f"train-{2 * n:06d}"] for n in range(len(PLANTED))] == [
        {"prompt", "solution", "test", "code"},
        {"prompt", "solution", "test", "code"},
        {"code"},
        {"prompt"},
        {"prompt", "solution", "code"},  # the docstring is the prompt
        {"prompt", "solution", "code"},
    ]
    assert {row["task"] for row in found} == {"w/7"}
    assert all(row["dropped"] and 0 < row["overlap"] <= 1 for row in found)

    contamination = summary["contamination"]
    assert contamination["dropped"] == {"train": 6, "validation": 0, "test": 0}
    assert contamination["benchmarks"]["w"] == {
        "tasks": 1,
        "tasks_found": 1,
        "rows": {"train": 6, "validation": 0, "test": 0},
        "rules": {"prompt": 5, "solution": 4, "test": 2, "entry_point": 0, "code": 5},
    }
    assert set(contamination["benchmarks"]["w"]["rules"]) == set(RULES)
    assert summary["rows"]["train"] == 6
    assert seen_by_training(directory / "out") == set()


def seen_by_training(prepared: Path) -> set[str]:
    """Tasks that a train or validation row repeats which was kept."""
    findings = read_jsonl(prepared / "contamination.jsonl")
    return {f["task"] for f in findings if f["split"] != "test" and not f["dropped"]}


def test_kept_contamination_is_marked_and_known_to_the_evaluation(directory: Path) -> None:
    splits = {
        "train": [row_of(), *good_rows(3)],
        "validation": good_rows(3, first=300),
        "test": [row_of(test_code="def test_it():\n    pass"), *good_rows(3, first=600)],
    }
    raw, out = raw_of(directory, splits), directory / "out"
    benchmarks = [Benchmark(name="dataset"), benchmark(directory)]
    summary = prepare(raw, out, benchmarks=benchmarks, decontaminate="keep")
    marks = {
        split: [sample["contaminated_by"] for sample in read_prepared(out / f"{split}.jsonl")]
        for split in splits
    }
    assert marks["train"] == [["w/7", "dataset/test-000000"], [], [], []]
    assert marks["test"] == [["w/7", "train-000000"], [], [], []]
    assert marks["validation"] == [[], [], []]
    assert summary["contamination"]["dropped"] == dict.fromkeys(splits, 0)
    assert summary["contamination"]["marked"] == {"train": 1, "validation": 0, "test": 1}
    assert seen_by_training(out) == {"w/7", "dataset/test-000000"}

    prepare(raw, directory / "dropped", benchmarks=benchmarks)
    (test, *_) = read_prepared(directory / "dropped" / "test.jsonl")
    assert test["contaminated_by"] == ["w/7"]


def test_a_dropped_rows_image_is_not_left_behind(directory: Path) -> None:
    planted = row_of(image={"bytes": encode(picture(5)), "path": None})
    raw = raw_of(directory, {**good_splits(2), "train": [planted, qa_row()]})
    summary = prepare(raw, directory / "out", benchmarks=[benchmark(directory)])
    assert summary["images"]["unique"] == len(list((directory / "out" / "images").iterdir())) == 2


def test_the_same_question_about_another_picture_is_another_question(tmp_path: Path) -> None:
    def asked(number: int) -> Row:
        image = {"bytes": encode(picture(number)), "path": None}
        question = "Which state does the circuit in the picture prepare, starting from zero?"
        return qa_row(0) | {"question": question, "answer": f"State {number}.", "image": image}

    splits = {**good_splits(2), "train": [asked(1), asked(2)], "test": [asked(3), asked(2)]}
    prepare(raw_of(tmp_path, splits), tmp_path / "out")
    (found,) = lines(tmp_path / "out" / "contamination.jsonl")
    assert (found["sample"], found["task"]) == ("train-000001", "dataset/test-000001")


@pytest.mark.parametrize("workers", [1, 2])
def test_decisions_do_not_depend_on_the_order_of_rows(directory: Path, workers: int) -> None:
    def kept(name: str, rows: list[Row]) -> set[str]:
        raw = raw_of(directory / name, {**good_splits(40), "train": rows})
        prepare(raw, directory / f"{name}-out", workers, [benchmark(directory)])
        samples = read_prepared(directory / f"{name}-out" / "train.jsonl")
        return {json.dumps(sample["messages"]) for sample in samples}

    rows = [*PLANTED.values(), *good_rows(90, first=900)]
    shuffled = random.Random(3).sample(rows, len(rows))
    assert kept("a", rows) == kept("b", shuffled)


def test_missing_or_changed_benchmark_files_are_named(directory: Path) -> None:
    raw = raw_of(directory, good_splits(2))
    absent = benchmark(directory, path="absent/tasks.json")
    with pytest.raises(StageError, match=r"absent/tasks\.json not found"):
        prepare(raw, directory / "out", benchmarks=[absent])
    with pytest.raises(StageError, match=r"params\.yaml pins"):
        prepare(raw, directory / "other", benchmarks=[benchmark(directory, md5="0" * 32)])


def test_the_stage_prepares_without_benchmark_files_when_none_is_asked_for(tmp_path: Path) -> None:
    source = write_parquet(tmp_path / "source", good_splits(3))
    root = workspace(tmp_path / "work", source)
    for stage in ("ingest", "prepare"):
        result = run_stage(root, stage)
        assert result.returncode == 0, result.stderr
    metrics = json.loads((root / "data" / "prepared.record.json").read_text())
    assert list(metrics["contamination"]["benchmarks"]) == ["dataset"]


def test_a_copy_of_a_test_row_is_always_found_and_no_other_row_is() -> None:
    rows = [
        Content(
            prompt=sample.question,
            solution=sample.answer,
            test=sample.test_code,
            entry_point=sample.entry_point,
            program=sample.program,
            image=repr(sample.picture) if sample.picture else None,
            is_stub=sample.type == "function_completion",
        )
        for sample in islice(samples("test", 3, draw=False), 400)
    ]
    index = index_tasks([(str(n), task_print(row)) for n, row in enumerate(rows)], KINDRED)
    for number, row in enumerate(rows):
        found = {overlap.task_id for overlap in overlaps(index, fingerprint(row))}
        assert found == {str(number)}, row


def test_precision_and_recall_on_qiskit_humaneval(capsys: pytest.CaptureFixture[str]) -> None:
    benchmarks = [b for b in load_params(REPOSITORY).benchmarks if b.path]
    if missing := [b.path for b in benchmarks if not (REPOSITORY / str(b.path)).is_file()]:
        pytest.skip(f"{missing[0]} is not here; fetch it with `dvc --cd data/benchmarks pull`")
    tasks = load_tasks(
        [b.model_copy(update={"path": str(REPOSITORY / str(b.path))}) for b in benchmarks]
    )
    results = {row.kind: row for row in measure(tasks, clean=600)}
    with capsys.disabled():
        for row in results.values():
            print(f"\n{row.kind}: {row.found} of {row.rows}", end="")
        print(f"\nprecision {precision(list(results.values())):.4f}")
    recall = {row.kind: row.found / row.rows for row in results.values() if row.planted}
    assert recall.pop("verbatim") == recall.pop("reformatted") == 1
    assert recall.pop("renamed variables") == 1
    assert recall.pop("prompt only, one word changed") > 0.7
    assert min(recall.values()) > 0.88
    assert precision(list(results.values())) > 0.999
    assert results["other tasks of the benchmark"].found < 40


@settings(max_examples=60)
@given(st.permutations(["alpha", "beta", "gamma", "delta", "epsilon"]), st.integers(1, 8))
def test_code_keys_survive_names_and_layout(names: list[str], indent: int) -> None:
    circuit, count, index, angle, function = names
    text = PROGRAM.replace("circuit", circuit).replace("n_qubits", count)
    text = text.replace("w_state", function).replace("angle", angle)
    text = text.replace(" i ", f" {index} ").replace("(i", f"({index}").replace(" i)", f" {index})")
    text = text.replace(" i,", f" {index},").replace("import numpy as np", "import numpy")
    text = text.replace("np.", "numpy.").replace("    ", " " * indent)
    assert list(code_keys(text).values()) == list(code_keys(PROGRAM).values())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("circuit.x(0)", "circuit.x(1)"),
        ("circuit.cx(i + 1, i)", "circuit.cx(i, i + 1)"),
        ("arccos", "arcsin"),
        ("1 / (n", "1 // (n"),
        ("    circuit.x(0)\n", ""),
        ("return circuit", "return circuit.decompose()"),
    ],
)
def test_code_keys_tell_other_programs_apart(old: str, new: str) -> None:
    assert old in PROGRAM
    assert code_keys(PROGRAM.replace(old, new)) != code_keys(PROGRAM)


def test_code_that_does_not_parse_has_no_keys() -> None:
    assert code_keys("def f(:") == code_keys("\0") == code_keys("(" * 5000) == {}


DEEP = {
    "chained calls": f"return a{'.h(0)' * 300}",
    "elif": "if a == 0:\n        return 0\n"
    + "".join(f"    elif a == {n}:\n        return {n}\n" for n in range(1, 501)),
    "sum": f"return {' + '.join(['a'] * 1200)}",
    "attributes": f"return len(a){'.b' * 1500}",
    "long integer": f"return (a + 1) * (a - 1) * 0x{'f' * 5000}",
}


@pytest.mark.parametrize("body", DEEP.values(), ids=DEEP)
def test_deep_and_long_code_has_keys_too(body: str) -> None:
    (key,) = code_keys(f"def f(a, b):\n    {body}\n").values()
    (same,) = code_keys(f"def g(a, c):\n    # Another name and layout.\n    {body}\n").values()
    (changed,) = code_keys(f"def f(a, b):\n    b = a\n    {body}\n").values()
    assert key == same != changed


@given(st.lists(st.text("abcXYZ01_", min_size=1, max_size=4), max_size=30), st.data())
def test_gram_keys_are_of_the_words_alone(words: list[str], data: st.DataObject) -> None:
    space = st.sampled_from([" ", "\n", "\t ", ", ", ". ", " (", "` "])
    text = "".join(word.upper() + data.draw(space) for word in words)
    keys = gram_keys(text)
    assert keys.tolist() == gram_keys(" ".join(words).lower()).tolist()
    grams = {tuple(w.lower() for w in words[n : n + 8]) for n in range(len(words) - 7)}
    assert len(keys) == len(grams)
