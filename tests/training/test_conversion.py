"""PiSSA and OLoRA as plain LoRA: the same change of the same weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ketune.adapters.conversion import initial_adapter, keep_initial, to_plain_lora
from ketune.adapters.publish import effective_scaling
from ketune.runtime import StageError

A, B, MAGNITUDE = ("layer.lora_A.weight", "layer.lora_B.weight", "layer.lora_magnitude_vector")


def scaling(config: dict[str, Any]) -> float:
    return effective_scaling(
        config["r"], config["lora_alpha"], rank_stabilised=config["use_rslora"]
    )


@given(
    rank=st.integers(1, 4),
    alpha=st.integers(1, 64),
    stabilised=st.booleans(),
    seed=st.integers(0, 999),
)
def test_the_change_of_the_weight_stays(rank: int, alpha: int, stabilised: bool, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def matrices() -> dict[str, torch.Tensor]:
        return {
            A: torch.randn(rank, 5, generator=generator),
            B: torch.randn(6, rank, generator=generator),
        }

    trained, initial = matrices(), matrices()
    config = {
        "r": rank,
        "lora_alpha": alpha,
        "use_rslora": stabilised,
        "init_lora_weights": "pissa",
    }
    magnitude = {MAGNITUDE: torch.ones(6)}
    weights, plain = to_plain_lora(trained | magnitude, initial, config)
    change = scaling(config) * (trained[B] @ trained[A] - initial[B] @ initial[A])
    torch.testing.assert_close(
        scaling(plain) * (weights[B] @ weights[A]), change, rtol=1e-4, atol=1e-4
    )
    assert (plain["r"], plain["init_lora_weights"]) == (2 * rank, True)
    assert weights[MAGNITUDE] is magnitude[MAGNITUDE]


def write(directory: Path, content: str) -> None:
    directory.mkdir()
    (directory / "adapter_model.safetensors").write_text(content)


def test_the_first_attempts_matrices_are_kept(tmp_path: Path) -> None:
    write(tmp_path / "initial_model", "first")
    keep_initial(tmp_path)
    write(tmp_path / "initial_model", "what resuming wrote")
    keep_initial(tmp_path)
    found = initial_adapter(tmp_path) / "adapter_model.safetensors"
    assert found.read_text() == "first"


def test_a_run_without_them_cannot_be_published(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="lacks the adapter's initial weights"):
        initial_adapter(tmp_path)
