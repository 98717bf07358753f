"""Slices of outcomes: what each figure counts, and what it must not."""

from typing import Any

import pytest

from ketune.scoring.summary import summarise
from ketune.statistics import bootstrap_mean, wilson


def outcome(number: int, result: str | None, **changes: Any) -> dict[str, Any]:
    return {
        "task_id": f"dataset/{number}",
        "benchmark": "dataset",
        "condition": "standard",
        "sample": 0,
        "type": "qa" if result is None else "function_completion",
        "category": "circuits_and_gates",
        "multimodal": False,
        "image_type": "",
        "scorable": True,
        "outcome": result,
        "rouge_l": 0.5 if result is None else None,
        "bleu": 0.25 if result is None else None,
    } | changes


def test_code_figures_count_code_only() -> None:
    outcomes = [outcome(0, "passed"), outcome(1, "wrong_answer"), outcome(2, None)]
    figures = summarise(outcomes, [1])["dataset"]
    assert figures["code"]["all"]["tasks"] == 2
    assert figures["code"]["all"]["pass_at_1"] == 0.5
    assert figures["qa"]["all"] == {
        "tasks": 1,
        "rouge_l": 0.5,
        "rouge_l_low": 0.5,
        "rouge_l_high": 0.5,
        "bleu": 0.25,
        "bleu_low": 0.25,
        "bleu_high": 0.25,
    }
    assert figures["outcomes"] == {"passed": 1, "wrong_answer": 1}


def test_blanked_pictures_are_a_slice_of_their_own() -> None:
    outcomes = [
        outcome(0, "passed", multimodal=True),
        outcome(1, "passed", multimodal=True),
        outcome(0, "wrong_answer", multimodal=True, condition="blank_images"),
        outcome(1, "passed", multimodal=True, condition="blank_images"),
        outcome(2, "timeout"),
    ]
    code = summarise(outcomes, [1])["dataset"]["code"]
    assert code["all"]["tasks"] == 3
    assert code["multimodal"]["pass_at_1"] == 1.0
    assert code["multimodal_blank_images"]["pass_at_1"] == 0.5
    assert code["text"]["pass_at_1"] == 0.0


def test_one_sample_has_a_wilson_interval_and_several_a_bootstrap() -> None:
    single = [outcome(i, "passed" if i < 66 else "wrong_answer") for i in range(151)]
    figures = summarise(single, [1])["dataset"]["code"]["all"]
    interval = wilson(66, 151)
    assert figures["pass_at_1_low"] == pytest.approx(interval.low, abs=1e-6)
    several = [
        outcome(i, "passed" if sample < i % 3 else "wrong_answer", sample=sample)
        for i in range(9)
        for sample in range(2)
    ]
    figures = summarise(several, [1, 2])["dataset"]["code"]["all"]
    expected = bootstrap_mean([0.0, 0.5, 1.0] * 3)
    assert figures["tasks"] == 9
    assert figures["pass_at_1"] == pytest.approx(0.5)
    assert figures["pass_at_1_high"] == pytest.approx(expected.high, abs=1e-6)
    assert figures["pass_at_2"] == pytest.approx(2 / 3, abs=1e-6)


def test_each_category_has_its_own_tasks() -> None:
    outcomes = [
        outcome(0, "passed"),
        outcome(1, "wrong_answer", category="hardware_and_providers"),
        outcome(2, "passed", category="hardware_and_providers", type="code_generation"),
    ]
    code = summarise(outcomes, [1])["dataset"]["code"]
    assert code["by_category"]["hardware_and_providers"]["tasks"] == 2
    assert code["by_category"]["circuits_and_gates"]["pass_at_1"] == 1.0
    assert code["by_type"]["code_generation"]["pass_at_1"] == 1.0


def test_scorable_tasks_are_a_slice_of_code_alone() -> None:
    outcomes = [
        outcome(0, "passed"),
        outcome(1, "wrong_answer"),
        outcome(2, "wrong_answer", scorable=False),
        outcome(3, "wrong_answer", scorable=False, multimodal=True, condition="blank_images"),
        outcome(4, None),
    ]
    figures = summarise(outcomes, [1])["dataset"]
    assert figures["code"]["all"]["pass_at_1"] == pytest.approx(1 / 3, abs=1e-6)
    assert figures["code"]["scorable"]["tasks"] == 2
    assert figures["code"]["scorable"]["pass_at_1"] == 0.5
    assert "scorable" not in figures["qa"]


def test_the_category_of_qiskit_humaneval_is_its_difficulty() -> None:
    outcomes = [
        outcome(i, "passed", benchmark="qiskit_humaneval", category=category)
        for i, category in enumerate(("basic", "basic", "difficult"))
    ]
    code = summarise(outcomes, [1])["qiskit_humaneval"]["code"]
    assert code["by_difficulty"]["basic"]["tasks"] == 2
    assert "by_category" not in code


def test_pass_at_10_is_the_unbiased_mean_over_tasks() -> None:
    outcomes = [
        outcome(i, "passed" if sample < i else "timeout", sample=sample)
        for i in range(3)
        for sample in range(10)
    ]
    figures = summarise(outcomes, [1, 5, 10])["dataset"]["code"]["all"]
    # Tasks with 0, 1 and 2 correct of 10; at k = 5: 0, 1/2, 1 - C(8, 5) / C(10, 5) = 7/9.
    assert figures["pass_at_1"] == pytest.approx(0.1, abs=1e-6)
    assert figures["pass_at_5"] == pytest.approx((0 + 1 / 2 + 7 / 9) / 3, abs=1e-6)
    assert figures["pass_at_10"] == pytest.approx(2 / 3, abs=1e-6)
    assert figures["pass_at_10_low"] < 2 / 3 <= figures["pass_at_10_high"]
