"""The model card: a hub reads its metadata, a person its figures."""

from typing import Any

from huggingface_hub import ModelCard

from ketune.reporting.model_card import render
from ketune.scoring.summary import summarise
from tests.statistics.test_summary import outcome

TRAIN = {"eval_loss_first": 2.0, "eval_loss": 0.5, "best_step": 40, "last_step": 80}
COMMIT = "c" * 40


def page(commit: str | None) -> str:
    files = {"train": {"sha256": "d" * 64}}
    figures: dict[str, Any] = summarise([outcome(0, "passed"), outcome(1, "wrong_answer")], [1])
    return render(
        base={"model": "org/base", "commit": commit, "digest": "e" * 64},
        data={"source": "org/rows", "commit": commit, "files": files},
        train=TRAIN | {"provenance": {"versions": {"peft": "0.20.0"}}},
        figures=figures | {"not_applicable": {}, "provenance": {}},
        parameters={"lora_rank": 32, "max_pixels": 12288},
    )


def test_a_hub_reads_the_cards_base_dataset_and_figures() -> None:
    data: Any = ModelCard(page(COMMIT)).data
    assert (data.base_model, data.datasets) == ("org/base", ["org/rows"])
    result, *_ = data.eval_results
    assert (result.metric_value, result.dataset_revision) == (50.0, COMMIT)
    assert result.metric_args == {"tasks": 2, "low_95": 9.5, "high_95": 90.5}
    assert f'revision="{COMMIT}"' in page(COMMIT)
    assert "| 2 | 50.0 [9.5, 90.5] |" in page(COMMIT)


def test_a_local_base_is_no_hub_id() -> None:
    data: Any = ModelCard(page(None)).data
    assert data.base_model is None
