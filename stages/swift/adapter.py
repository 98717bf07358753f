"""The published adapter: a checkpoint's weights and configuration, the same bytes everywhere."""

import json
import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.params import Params
from stages.runtime import atomic_directory, write_json
from stages.swift.model import Model

_WEIGHTS = "adapter_model.safetensors"
_CONFIG = "adapter_config.json"

# Names of the modules between vision tower and language model, and of the tower, in the
# architectures of Qwen-VL, InternVL and Mistral3.
_ALIGNER = ("merger", "multi_modal_projector", "mlp1")
_VISION = ("visual", "vision_tower", "vision_model")


@dataclass(frozen=True)
class Adapter:
    """What an adapter adds. `parts` counts its parameters in vision tower, aligner and LLM."""

    rank: int
    alpha: float
    scaling: float
    parts: dict[str, int]

    @property
    def parameters(self) -> int:
        return sum(self.parts.values())


def effective_scaling(rank: int, alpha: float, *, rank_stabilised: bool) -> float:
    """Factor on BA: alpha/r (Hu et al. 2022) or alpha/√r (Kalajdzievski 2023, arXiv:2312.03732)."""
    return alpha / (math.sqrt(rank) if rank_stabilised else rank)


def describe_adapter(directory: Path) -> Adapter:
    """Rank, effective scaling and parameter counts of an adapter directory."""
    config = json.loads((directory / _CONFIG).read_text(encoding="utf-8"))
    parts = {"vision_tower": 0, "aligner": 0, "llm": 0}
    for name, shape in _tensor_shapes(directory / _WEIGHTS).items():
        parts[_part(name)] += math.prod(shape)
    return Adapter(
        rank=config["r"],
        alpha=config["lora_alpha"],
        scaling=effective_scaling(
            config["r"], config["lora_alpha"], rank_stabilised=config["use_rslora"]
        ),
        parts=parts,
    )


def publish_adapter(checkpoint: Path, target: Path, params: Params, model: Model) -> None:
    """Make `target` the adapter of `checkpoint`, atomically.

    Optimiser state and paths of this machine stay behind. args.json keeps what ms-swift reads
    back when it is given the adapter, or the model merged from it, alone.
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
        shutil.copyfile(checkpoint / _WEIGHTS, directory / _WEIGHTS)
        write_json(directory / _CONFIG, dict(sorted(config.items())))
        write_json(directory / "args.json", kept)
        # ms-swift's own LoRA settings that PEFT's configuration lacks, such as LoRA+'s.
        if (checkpoint / "additional_config.json").is_file():
            shutil.copyfile(
                checkpoint / "additional_config.json", directory / "additional_config.json"
            )


def _part(name: str) -> str:
    if any(part in name for part in _ALIGNER):
        return "aligner"
    return "vision_tower" if any(part in name for part in _VISION) else "llm"


def _tensor_shapes(path: Path) -> dict[str, list[int]]:
    # The header of a safetensors file: its length in 8 bytes, then JSON.
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {name: tensor["shape"] for name, tensor in header.items() if name != "__metadata__"}
