"""ms-swift plugin: flash attention's interface, computed by sdpa a segment, where there is no GPU.

transformers asks the package flash_attn for two functions. These have the same contract: rows of
(length, heads, width), in one batch or end to end with their bounds.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import modeling_flash_attention_utils as flash
from transformers.modeling_utils import PreTrainedModel


def _attend(q: Tensor, k: Tensor, v: Tensor, scale: float | None, causal: bool) -> Tensor:
    q, k, v = (x.transpose(0, 1) for x in (q, k, v))
    mixed = scaled_dot_product_attention(q, k, v, scale=scale, is_causal=causal, enable_gqa=True)
    return mixed.transpose(0, 1)


def varlen(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    softmax_scale: float | None = None,
    causal: bool = False,
    **_: Any,
) -> Tensor:
    bounds = cu_seqlens_q.tolist()
    assert bounds == cu_seqlens_k.tolist()
    lengths = [end - start for start, end in pairwise(bounds)]
    assert max(lengths) <= int(max_seqlen_q) == int(max_seqlen_k)
    parts = zip(*(torch.split(x, lengths) for x in (q, k, v)), strict=True)
    return torch.cat([_attend(a, b, c, softmax_scale, causal) for a, b, c in parts])


def batched(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    softmax_scale: float | None = None,
    causal: bool = False,
    **_: Any,
) -> Tensor:
    rows = zip(q, k, v, strict=True)
    return torch.stack([_attend(a, b, c, softmax_scale, causal) for a, b, c in rows])


flash._lazy_imports = lambda *_, **__: (
    batched,
    varlen,
    None,
    flash._pad_input,
    flash._unpad_input,
)
PreTrainedModel._flash_attn_can_dispatch = lambda *_, **__: True
