"""Comparing outcomes of two models."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from ketune.comparison import as_json, as_markdown, as_text, compare


def row(task_id: str, outcome: str | None = "passed", **other: Any) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "benchmark": task_id.partition("/")[0],
        "condition": "standard",
        "sample": 0,
        "type": "qa" if outcome is None else "code_generation",
        "category": "",
        "multimodal": False,
        "scorable": True,
        "outcome": outcome,
        "rouge_l": None,
        "bleu": None,
    } | other


def run(benchmark: str, passed: Iterable[int], tasks: int) -> list[dict[str, Any]]:
    kept = set(passed)
    return [
        row(f"{benchmark}/{i}", "passed" if i in kept else "wrong_answer") for i in range(tasks)
    ]


def test_a_large_gain_is_better_and_names_its_tasks() -> None:
    found = compare(run("dataset", range(20), 100), run("dataset", range(1, 60), 100))
    (main,) = found.rows
    assert (main.tasks, len(main.gained), main.lost) == (100, 40, ("dataset/0",))
    assert main.difference.estimate == pytest.approx(0.39)
    assert main.p < 1e-6
    assert main.verdict == "better"
    back = compare(run("dataset", range(1, 60), 100), run("dataset", range(20), 100))
    assert back.rows[0].verdict == "worse"


def test_a_small_gain_is_no_difference_and_says_what_would_show() -> None:
    (main,) = compare(run("dataset", range(44), 151), run("dataset", range(1, 48), 151)).rows
    assert main.p > 0.05
    assert main.verdict.startswith("no difference shown (this sample shows")


def test_several_benchmarks_are_corrected_for() -> None:
    a = [*run("one", [], 40), *run("two", range(10), 40), *run("three", range(10), 40)]
    b = [*run("one", range(6), 40), *run("two", range(10), 40), *run("three", range(10), 40)]
    first = next(r for r in compare(a, b).rows if r.benchmark == "one")
    assert first.p == pytest.approx(0.03125)
    assert first.p_holm == pytest.approx(0.09375)
    assert first.verdict.startswith("no difference shown once corrected for several tests")


def test_the_two_forms_of_human_eval_are_clusters() -> None:
    names = ("qiskit_humaneval", "qiskit_humaneval_hard")
    a = [r for name in names for r in run(name, [], 30)]
    b = [r for name in names for r in run(name, range(5), 30)]
    pooled = compare(a, b).rows[-1]
    assert (pooled.part, pooled.tasks) == ("pooled", 60)
    # Five clusters that all went up: 2 / 2**5, not the 2 / 2**10 of ten tasks.
    assert pooled.p == pytest.approx(2 / 2**5, abs=0.02)


def test_questions_compare_by_their_similarities() -> None:
    def answers(gain: float) -> list[dict[str, Any]]:
        return [
            row(f"dataset/{i}", None, rouge_l=0.2 + gain, bleu=0.1 + i % 3 / 100) for i in range(40)
        ]

    rouge, bleu = compare(answers(0.0), answers(0.3)).rows
    assert (rouge.measure, rouge.verdict) == ("rouge_l", "better")
    assert (bleu.measure, bleu.verdict[:19]) == ("bleu", "no difference shown")


def test_modalities_have_rows_without_a_verdict() -> None:
    a = [row(f"dataset/{i}", "wrong_answer", multimodal=i % 2 == 0) for i in range(20)]
    b = [row(f"dataset/{i}", "passed", multimodal=i % 2 == 0) for i in range(20)]
    assert [(r.part, r.tasks, bool(r.verdict)) for r in compare(a, b).rows] == [
        ("all", 20, True),
        ("text", 10, False),
        ("multimodal", 10, False),
    ]


def test_several_samples_a_task_are_a_mean() -> None:
    def sampled(passing: int) -> list[dict[str, Any]]:
        return [
            row(f"dataset/{i}", "passed" if k < passing else "timeout", sample=k)
            for i in range(30)
            for k in range(4)
        ]

    (main,) = compare(sampled(1), sampled(3)).rows
    assert (main.a.estimate, main.b.estimate) == (0.25, 0.75)
    assert main.verdict == "better"


def test_ten_samples_a_task_have_rows_of_pass_at_5_and_10() -> None:
    def sampled(passing: int) -> list[dict[str, Any]]:
        return [
            row(f"dataset/{i}", "passed" if n < passing else "timeout", sample=n)
            for i in range(30)
            for n in range(10)
        ]

    rows = compare(sampled(1), sampled(6)).rows
    assert [(r.measure, bool(r.verdict)) for r in rows] == [
        ("pass@1", True),
        ("pass@5", False),
        ("pass@10", False),
    ]
    # 1 - C(9, 5) / C(10, 5), and with 6 of 10 correct no 5 can all be wrong.
    assert (rows[1].a.estimate, rows[1].b.estimate) == (0.5, 1.0)
    assert (rows[2].difference.estimate, rows[2].gained) == (0.0, ())


def test_blanked_images_are_a_row_where_both_were_asked() -> None:
    def asked(blanked: str) -> list[dict[str, Any]]:
        return [
            row(f"dataset/{i}", outcome, multimodal=True, condition=condition)
            for i in range(20)
            for condition, outcome in (("standard", "passed"), ("blank_images", blanked))
        ]

    found = compare(asked("wrong_answer"), asked("passed")).rows[-1]
    assert (found.part, found.tasks, len(found.gained)) == ("multimodal, images blanked", 20, 20)
    assert found.verdict == ""
    alone = compare(run("dataset", range(20), 20), run("dataset", range(20), 20))
    assert [r.part for r in alone.rows] == ["all"]


def test_only_common_tasks_count_and_blanked_images_do_not() -> None:
    a, b = run("dataset", range(5), 10), run("dataset", range(5), 12)[2:]
    b.append(row("dataset/2", "wrong_answer", condition="blank_images"))
    found = compare(a, b)
    assert (found.rows[0].tasks, found.only_a, found.only_b) == (8, 2, 2)
    assert found.rows[0].lost == ()
    with pytest.raises(ValueError, match="no task in common"):
        compare(a, run("other", [], 3))


def test_one_id_for_two_tasks_is_refused() -> None:
    a = [row("dataset/0", category="circuits_and_gates"), row("dataset/1")]
    b = [row("dataset/0", category="hardware_and_providers"), row("dataset/1")]
    with pytest.raises(ValueError, match="dataset/0 is another task in each"):
        compare(a, b)


def test_what_else_differs_is_on_top_and_capped() -> None:
    found = compare(run("dataset", range(5), 10), run("dataset", range(6), 10))
    changes: dict[str, dict[str, tuple[Any, Any]]] = {
        "params": {"lora_rank": (32, 64), "use_dora": (None, True)},
        "metrics": {f"metrics/train.json:m{i:02}": (i, i + 1) for i in range(25)},
    }
    text = as_text(found, "a", "b", changes).splitlines()
    assert text[1:4] == [
        "lora_rank: 32 -> 64",
        "use_dora: (not there) -> True",
        "metrics/train.json:m00: 0 -> 1",
    ]
    assert text[23].startswith("and 5 more metrics")
    assert "- lora_rank: 32 -> 64" in as_markdown(found, "a", "b", changes)
    content = json.loads(as_json(found, "a", "b", changes))["changed"]
    assert content["params"]["use_dora"] == {"a": None, "b": True}
    assert len(content["metrics"]) == 25


def test_the_forms_say_the_same() -> None:
    found = compare(run("dataset", range(20), 100), run("dataset", range(1, 60), 100))
    text, markdown = as_text(found, "main", "r64"), as_markdown(found, "main", "r64")
    for shown in (text, markdown):
        assert "a = main, b = r64" in shown
        assert "+39.0 [" in shown
        assert "dataset, pass@1: better" in shown
        assert "dataset, lost by b: 0" in shown
        assert "and 28 more" in shown
    assert markdown.splitlines()[3].startswith("| --- |")
    content = json.loads(as_json(found, "main", "r64"))
    (main,) = content["rows"]
    assert main["verdict"] == "better"
    assert len(main["gained"]) == 40
    assert main["difference"]["estimate"] == pytest.approx(0.39)
