"""The smoke graph's training in bfloat16 with flash attention, where there is a CUDA device."""

from pathlib import Path
from typing import Any

import pytest

from tests.scale.conftest import prepare
from tests.training.workspace import Workspace

pytestmark = pytest.mark.gpu
ON_CUDA = {
    "use_cpu": False,
    "torch_dtype": "bfloat16",
    "bf16": True,
    "attn_impl": "flash_attn",
    "padding_free": True,
    "gradient_checkpointing": True,
}


@pytest.fixture
def devices() -> int:
    import torch  # noqa: PLC0415 (seconds to import)

    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device, and this machine has none")
    return torch.cuda.device_count()


def trained(root: Path, **changes: Any) -> Workspace:
    workspace = prepare(root)
    workspace.set(**ON_CUDA, **changes)
    workspace.run("stages.train")
    return workspace


@pytest.mark.usefixtures("devices")
def test_bfloat16_with_the_best_attention_trains_merges_and_reports_its_speed(
    tmp_path: Path,
) -> None:
    workspace = trained(tmp_path / "w")
    workspace.run("stages.merge")
    metrics = workspace.json("models/adapter.record.json")
    attention = metrics["provenance"]["attention"]
    assert attention in {"flash_attention_3", "flash_attention_2", "sdpa"}
    compute = metrics["compute"]
    assert compute["padding_free"] == (attention != "sdpa")
    assert (compute["padding_share"] == 0) == compute["padding_free"]
    assert 0 < compute["mfu"] < compute["hfu"] < 1
    assert metrics["peak_memory_gib"]["device"] > 0
    assert metrics["eval_loss"] < metrics["eval_loss_first"]


@pytest.mark.parametrize("sharding", [{}, {"deepspeed": "zero2"}, {"fsdp": "fsdp2"}])
def test_two_gpus_have_the_losses_of_one(
    devices: int, sharding: dict[str, str], tmp_path: Path
) -> None:
    if devices < 2:
        pytest.skip("needs two CUDA devices")
    if "deepspeed" in sharding:
        pytest.importorskip("deepspeed", reason="make gpu installs it")
    one = trained(tmp_path / "one").json("models/adapter.record.json")
    two = trained(tmp_path / "two", nproc_per_node=2, **sharding).json("models/adapter.record.json")
    assert two["eval_loss"] == pytest.approx(one["eval_loss"], rel=0.01)
    assert two["compute"]["global_batch"] == one["compute"]["global_batch"]
