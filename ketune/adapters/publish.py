"""The published adapter: a checkpoint's weights and configuration, the same bytes everywhere."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

from ketune.adapters.conversion import CHANGES_BASE, initial_adapter, to_plain_lora
from ketune.models.locate import Model
from ketune.params import Params
from ketune.runtime import atomic_directory, write_json

_WEIGHTS = "adapter_model.safetensors"
_CONFIG = "adapter_config.json"


def effective_scaling(rank: int, alpha: float, *, rank_stabilised: bool) -> float:
    """Factor on BA: alpha/r (Hu et al. 2022) or alpha/√r (Kalajdzievski 2023, arXiv:2312.03732)."""
    return alpha / (math.sqrt(rank) if rank_stabilised else rank)


def publish_adapter(checkpoint: Path, target: Path, params: Params, model: Model) -> None:
    """Make `target` the adapter of `checkpoint`, atomically, right on the original base.

    PiSSA and OLoRA are converted to plain LoRA of twice the rank. Optimiser state and paths of this
    machine stay behind. args.json keeps what ms-swift reads back when it is given the adapter, or
    the model merged from it, alone.
    """
    config = json.loads((checkpoint / _CONFIG).read_text(encoding="utf-8"))
    config |= {"base_model_name_or_path": params.model, "revision": model.revision}
    arguments = json.loads((checkpoint / "args.json").read_text(encoding="utf-8"))
    kept: dict[str, Any] = {
        name: arguments[name]
        for name in ("swift_version", "tuner_type", "task_type", "model_type", "template")
    }
    kept |= {"model": params.model, "model_revision": model.revision}
    kept |= {"external_plugins": params.external_plugins, "torch_dtype": params.torch_dtype}
    kept |= {"system": params.system, "max_pixels": params.max_pixels}
    with atomic_directory(target) as directory:
        if params.init_weights in CHANGES_BASE:
            config = _convert(checkpoint, directory / _WEIGHTS, config)
        else:
            shutil.copyfile(checkpoint / _WEIGHTS, directory / _WEIGHTS)
        write_json(directory / _CONFIG, dict(sorted(config.items())))
        write_json(directory / "args.json", kept)
        # ms-swift's own LoRA settings that PEFT's configuration lacks, such as LoRA+'s.
        if (checkpoint / "additional_config.json").is_file():
            shutil.copyfile(
                checkpoint / "additional_config.json", directory / "additional_config.json"
            )


def _convert(checkpoint: Path, target: Path, config: dict[str, Any]) -> dict[str, Any]:
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 (loads torch)

    initial = initial_adapter(checkpoint.parent)
    weights, config = to_plain_lora(
        load_file(checkpoint / _WEIGHTS), load_file(initial / _WEIGHTS), config
    )
    save_file(weights, target, metadata={"format": "pt"})
    return config
