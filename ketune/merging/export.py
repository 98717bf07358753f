"""The command line of `swift export` that merges an adapter."""

from pathlib import Path
from typing import Any

from ketune.models.locate import Model
from ketune.params import Params
from ketune.swift.command import base_model, command_line


def export_arguments(params: Params, model: Model, adapter: Path, output_dir: Path) -> list[str]:
    """Arguments of `swift export` that merge `adapter` into its base."""
    arguments: dict[str, Any] = {
        "adapters": adapter,
        "merge_lora": True,
        "output_dir": output_dir,
        "torch_dtype": params.torch_dtype,
        "system": params.system,
        "max_pixels": params.max_pixels,  # a plugin may put it into the processor's files
        "use_hf": True,
        "exist_ok": False,
        "safe_serialization": True,
    }
    if params.use_cpu:
        arguments["device_map"] = "cpu"
    return command_line(base_model(params, model) | arguments)
