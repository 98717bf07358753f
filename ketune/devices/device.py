"""Checks that this machine can run the parameters, before anything is loaded."""

import os
from functools import cache
from importlib.util import find_spec

from ketune.params import Params
from ketune.runtime import StageError

_HOPPER = (9, 0)  # the compute capability that flash attention 3 is written for
_AMPERE = (8, 0)  # the lowest that flash attention 2 runs on
_PADDED = ("mistral_", "pixtral")  # templates of ms-swift that refuse padding_free


def require_device(params: Params) -> None:
    """Raise StageError when the parameters need a CUDA GPU, or kernels, that this machine lacks.

    On the CPU, torch gets one thread unless OMP_NUM_THREADS says otherwise: results would depend
    on the number of cores, and models of that size are slower with more.
    """
    if params.use_cpu:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        return
    # Imported here: a run on the CPU need not wait for it.
    import torch  # noqa: PLC0415

    if not torch.cuda.is_available():
        raise StageError(
            "use_cpu is false and this machine has no CUDA GPU; for laptop scale run "
            "`ketune profile smoke`, then the same command again"
        )
    needed = {"flash_attention_2": "flash_attn", "flash_attention_3": "flash_attn_interface"}
    module = needed.get(params.attn_impl)
    if module and find_spec(module) is None:
        raise StageError(
            f"attn_impl {params.attn_impl!r} needs the module {module}, which is not installed; "
            "install it (`make gpu` brings flash attention 2), or use -S attn_impl=flash_attn, "
            "which takes what is there"
        )


def usable_attention(params: Params) -> str:
    """The attention to run with: what `attn_impl` says, or the best kernel for `flash_attn`.

    `flash_attn` is flash attention 3 on Hopper if it is installed, else 2, else PyTorch's sdpa with
    a notice. The three compute the same function and differ in rounding.
    """
    if params.attn_impl != "flash_attn":
        return params.attn_impl
    name, reason = _best_attention(params.use_cpu)
    if reason:
        _say(f"attention: sdpa in the place of flash_attn, as {reason}")
    return name


def with_usable_attention(params: Params) -> Params:
    """Parameters with the attention that runs here, and padding_free off where it cannot work.

    Padding-free batches compute what padded ones do, only faster. So they are switched off with a
    notice, not refused. `template` must be settled.
    """
    attention, padding_free = usable_attention(params), params.padding_free
    if padding_free and not attention.startswith("flash"):
        _say(f"padding_free is off: it needs flash attention, not {attention}")
        padding_free = False
    if padding_free and params.template.startswith(_PADDED):
        _say(f"padding_free is off: ms-swift's template {params.template} pads its batches")
        padding_free = False
    return params.model_copy(update={"attn_impl": attention, "padding_free": padding_free})


def _best_attention(use_cpu: bool) -> tuple[str, str]:
    """The attention's name, and why it is not a flash attention (empty when it is)."""
    if use_cpu:
        return "sdpa", "it needs a CUDA GPU"
    import torch  # noqa: PLC0415

    capability = torch.cuda.get_device_capability()
    if capability[0] == _HOPPER[0] and find_spec("flash_attn_interface"):
        return "flash_attention_3", ""
    if find_spec("flash_attn") is None:
        return "sdpa", "flash-attn is not installed (`make gpu` installs it)"
    if capability < _AMPERE:
        return "sdpa", f"flash-attn does not support {torch.cuda.get_device_name()}"
    return "flash_attention_2", ""


@cache
def _say(sentence: str) -> None:
    print(sentence, flush=True)


def device_name(params: Params) -> str:
    """Name of the GPU that is used, or "cpu"."""
    if params.use_cpu:
        return "cpu"
    import torch  # noqa: PLC0415

    return str(torch.cuda.get_device_name())
