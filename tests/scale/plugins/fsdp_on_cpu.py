"""ms-swift plugin: accelerate shards on the CPU too, where it would silently train without FSDP."""

from typing import Any

from accelerate import state  # type: ignore[import-untyped]
from accelerate.utils import DistributedType  # type: ignore[import-untyped]

_original = state.AcceleratorState.__init__


def _init(self: Any, *args: Any, **kwargs: Any) -> None:
    shared = state.PartialState._shared_state
    if shared.get("distributed_type") == DistributedType.MULTI_CPU:
        shared["distributed_type"] = DistributedType.MULTI_GPU
    _original(self, *args, **kwargs)


state.AcceleratorState.__init__ = _init
