"""PiSSA and OLoRA adapters as plain LoRA, right on the original base.

Both write a part of every weight into B₀A₀ before training and leave W - sB₀A₀ in its place
(Meng et al. 2024, arXiv:2404.02948, section 3; Büyükakyüz 2024, arXiv:2406.01775), so their trained
BA is wrong on W. The difference s(BA - B₀A₀) is a LoRA of rank 2r on W, with A' = [A; A₀] and
B' = [B, -B₀]: no decomposition has to be repeated, bit for bit, wherever the adapter is loaded.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketune.runtime import StageError

if TYPE_CHECKING:
    from torch import Tensor

CHANGES_BASE = ("pissa", "olora")
_INITIAL = "initial_model"  # ms-swift's name; a resumed run overwrites it with its checkpoint
_FIRST = "first_model"


def keep_initial(directory: Path) -> None:
    """Set the A₀ and B₀ of a run's first attempt aside, where resuming does not overwrite them."""
    if (directory / _INITIAL).is_dir() and not (directory / _FIRST).exists():
        (directory / _INITIAL).rename(directory / _FIRST)


def initial_adapter(directory: Path) -> Path:
    """Where the run in `directory` has its A₀ and B₀.

    Raises StageError when it kept none.
    """
    for name in (_FIRST, _INITIAL):
        if (directory / name / "adapter_model.safetensors").is_file():
            return directory / name
    raise StageError(
        f"{directory} lacks the adapter's initial weights; delete it, and train from the start"
    )


def to_plain_lora(
    trained: "dict[str, Tensor]", initial: "dict[str, Tensor]", config: dict[str, Any]
) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """Weights and PEFT configuration of the plain LoRA that does the same on the original base.

    A is (r, inputs) and becomes (2r, inputs); B is (outputs, r) and becomes (outputs, 2r). alpha
    grows so that the scaling stays. Other tensors, DoRA's magnitudes, are passed on.
    """
    import torch  # noqa: PLC0415

    converted = dict(trained)
    for name, weight in trained.items():
        if "lora_A" in name:
            converted[name] = torch.cat([weight, initial[name]], dim=0).contiguous()
        elif "lora_B" in name:
            converted[name] = torch.cat([weight, -initial[name]], dim=1).contiguous()
    growth = math.sqrt(2) if config["use_rslora"] else 2
    return converted, config | {
        "init_lora_weights": True,
        "r": 2 * config["r"],
        "lora_alpha": config["lora_alpha"] * growth,
    }
