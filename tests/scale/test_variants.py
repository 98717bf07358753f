"""Padding-free batches and sharded weights train what one process with padding trains."""

import json

import pytest
import torch
from safetensors.torch import load_file

from tests.scale.conftest import Variants

TOLERANCE = 2e-5  # of a loss about 5 nats in float32: sums in another order


def test_padding_free_batches_have_the_losses_of_padded_ones(variants: Variants) -> None:
    single = variants.losses("single")
    assert len(single) == 7  # 4 steps, evaluated before, between and after
    assert variants.losses("padding_free") == pytest.approx(single, rel=TOLERANCE)


def test_padding_free_batches_waste_no_token(variants: Variants) -> None:
    padded, free = (
        json.loads((variants.root / name / "work-0.json").read_text())["train"]
        for name in ("single", "padding_free")
    )
    assert padded["padded_tokens"] > 1.1 * padded["tokens"]
    assert free["padded_tokens"] == free["tokens"] == padded["tokens"]
    for name in ("rows", "squares", "scored", "patches", "patch_squares"):
        assert free[name] == padded[name]


def test_logits_are_made_where_there_are_labels_in_training_and_evaluation(
    variants: Variants,
) -> None:
    work = json.loads((variants.root / "padding_free" / "work-0.json").read_text())
    for mode in ("train", "eval"):
        counted = work[mode]
        assert counted["scored"] < 0.5 * counted["tokens"]
        # One more a row than labels: each position predicts the next token.
        assert counted["scored"] <= counted["padded_scored"] <= counted["scored"] + counted["rows"]


def test_fsdp_has_the_losses_of_one_process_and_saves_the_same_adapter(variants: Variants) -> None:
    assert variants.losses("fsdp") == pytest.approx(variants.losses("single"), rel=TOLERANCE)
    one, sharded = (
        load_file(variants.root / name / "checkpoint-4" / "adapter_model.safetensors")
        for name in ("single", "fsdp")
    )
    assert one.keys() == sharded.keys()
    for name, weight in one.items():
        # Adam's step is the learning rate where a gradient is next to nothing, whatever its sign.
        assert torch.allclose(weight, sharded[name], atol=5e-4), name


def test_fsdp_resumes_where_it_was(variants: Variants) -> None:
    whole, resumed = variants.losses("fsdp"), variants.losses("fsdp_resumed")
    assert resumed == pytest.approx(whole[-len(resumed) :], rel=1e-6)
    assert len(resumed) == 3
