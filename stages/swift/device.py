"""Whether this machine can run what the parameters ask for, asked before anything is loaded."""

import os
from importlib.util import find_spec

from stages.params import Params
from stages.runtime import StageError


def require_device(params: Params) -> None:
    """Raise StageError when the parameters need a CUDA GPU or flash-attn that is not there.

    On the CPU, torch gets one thread unless OMP_NUM_THREADS says otherwise: results would depend
    on the number of cores, and models of that size are slower with more.
    """
    if params.use_cpu:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        return
    # Imported here: the CPU profile need not wait for it.
    import torch  # noqa: PLC0415

    if not torch.cuda.is_available():
        raise StageError(
            f"profile {params.profile!r} needs a CUDA GPU and this machine has none; "
            "run the same graph at laptop scale with `dvc exp run -S profile=smoke`"
        )
    if params.attn_impl.startswith("flash_attn") and find_spec("flash_attn") is None:
        raise StageError(
            f"attn_impl {params.attn_impl!r} needs flash-attn, which is not installed; "
            "install the gpu extra (`make gpu`) or use -S attn_impl=sdpa"
        )


def require_backend(params: Params) -> None:
    """Raise StageError when the inference backend is not installed."""
    if params.generation.backend == "vllm" and find_spec("vllm") is None:
        raise StageError(
            "generation.backend 'vllm' is not installed; install the gpu extra (`make gpu`) "
            "or use -S generation.backend=transformers"
        )


def device_name(params: Params) -> str:
    """Name of the GPU that is used, or "cpu"."""
    if params.use_cpu:
        return "cpu"
    import torch  # noqa: PLC0415

    return str(torch.cuda.get_device_name())
