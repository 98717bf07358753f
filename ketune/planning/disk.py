"""How much disk a run takes, by where it takes it. Bytes."""

import math
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import constants

from ketune.models.locate import model_directory
from ketune.params import Params
from ketune.planning.models import BYTES, BaseModel
from ketune.scratch import cache_directory
from ketune.training.schedule import adapter_parameters

_DATA = 10**9  # rows, pictures and answers of the published dataset are less
_STATES = 3  # of an adapter's size in float32: itself, and AdamW's two moments


class Space(NamedTuple):
    """What a run writes: what it is, where, and how many bytes at most at one time."""

    what: str
    where: Path
    size: int


def disk_space(params: Params, model: BaseModel) -> list[Space]:
    """What a run writes that is not there yet, largest first. `model` must be known by its layers.

    DVC's cache holds the merged model by a link or a clone of it (`cache.type`), so it counts once.
    """
    if model.architecture is None or model.weights is None:
        raise ValueError(f"{model.name}: its layers are not known")
    size = model.weights * BYTES[params.torch_dtype]
    adapter = 4 * sum(adapter_parameters(params, model.architecture).values())
    spaces = [
        Space("the merged model", Path("models"), size),
        Space("rows, pictures, answers", Path("data"), _DATA),
        # One more than are kept: the oldest goes after the newest is whole.
        Space(
            "checkpoints",
            cache_directory(),
            _STATES * adapter * (params.save_total_limit + 1),
        ),
    ]
    if model_directory(model.name) is None:
        missing = max(0, size - _arrived(model.name))
        spaces.append(Space("the base model", Path(constants.HF_HUB_CACHE), missing))
    return sorted((space for space in spaces if space.size), key=lambda space: -space.size)


def existing_parent(path: Path) -> Path:
    """The path itself, else the nearest directory or file above it that is there."""
    path = path.expanduser().absolute()
    return next(parent for parent in (path, *path.parents) if parent.exists())


def gigabytes(size: float) -> str:
    """A size for a table: rounded up to 0.1 GB (10⁹ bytes)."""
    return f"{math.ceil(size / 10**8) / 10:.1f} GB"


def _arrived(name: str) -> int:
    """Bytes of a hub model that are in the local cache."""
    blobs = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}" / "blobs"
    return sum(file.stat().st_size for file in blobs.glob("*")) if blobs.is_dir() else 0
