import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from ketune.adapters.publish import effective_scaling, publish_adapter
from ketune.models.locate import Model
from ketune.params import Params

PREFIX = "base_model.model.model."
MODEL = Model("models/local", None, "digest")


def write_checkpoint(directory: Path, **config: Any) -> Path:
    directory.mkdir(parents=True)
    shapes = {
        "language_model.layers.0.self_attn.q_proj.lora_A.weight": (4, 8),
        "language_model.layers.0.self_attn.q_proj.lora_B.weight": (8, 4),
        "visual.merger.linear_fc1.lora_A.weight": (4, 6),
        "visual.deepstack_merger_list.0.linear_fc1.lora_A.weight": (4, 6),
        "visual.blocks.0.attn.qkv.lora_A.weight": (4, 5),
    }
    tensors = {PREFIX + name: torch.ones(shape) for name, shape in shapes.items()}
    save_file(tensors, directory / "adapter_model.safetensors", metadata={"format": "pt"})
    settings = {"r": 4, "lora_alpha": 8, "use_rslora": True, "revision": None} | config
    (directory / "adapter_config.json").write_text(json.dumps(settings))
    arguments = {
        "swift_version": "4.6.0",
        "tuner_type": "lora",
        "task_type": "causal_lm",
        "model_type": "qwen3_vl",
        "template": "qwen3_vl",
        "output_dir": str(directory),
        "hub_token": "secret",
    }
    (directory / "args.json").write_text(json.dumps(arguments))
    (directory / "optimizer.pt").write_bytes(b"state")
    return directory


def test_scaling_of_the_specification() -> None:
    assert effective_scaling(32, 64, rank_stabilised=True) == pytest.approx(11.3137, abs=1e-4)
    assert effective_scaling(32, 64, rank_stabilised=False) == 2.0


def test_published_bytes_depend_on_nothing_of_this_machine(tmp_path: Path, full: Params) -> None:
    published = []
    for number in (1, 2):
        base = str(tmp_path / f"machine{number}" / "model")
        checkpoint = write_checkpoint(
            tmp_path / f"scratch{number}" / "checkpoint-8", base_model_name_or_path=base
        )
        target = tmp_path / f"adapter{number}"
        publish_adapter(checkpoint, target, full, MODEL)
        published.append({path.name: path.read_bytes() for path in target.iterdir()})
    assert published[0] == published[1]
    assert set(published[0]) == {"adapter_model.safetensors", "adapter_config.json", "args.json"}
    text = (published[0]["args.json"] + published[0]["adapter_config.json"]).decode()
    assert str(tmp_path) not in text
    assert "secret" not in text
    assert json.loads(published[0]["adapter_config.json"])["base_model_name_or_path"] == full.model


def test_a_failed_publication_keeps_the_previous_adapter(tmp_path: Path, full: Params) -> None:
    target = tmp_path / "adapter"
    publish_adapter(write_checkpoint(tmp_path / "checkpoint-8"), target, full, MODEL)
    before = (target / "adapter_model.safetensors").read_bytes()
    broken = write_checkpoint(tmp_path / "checkpoint-16")
    (broken / "adapter_model.safetensors").unlink()
    with pytest.raises(FileNotFoundError):
        publish_adapter(broken, target, full, MODEL)
    assert (target / "adapter_model.safetensors").read_bytes() == before
