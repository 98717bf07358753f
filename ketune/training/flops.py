"""Floating-point operations of training, from a model's config.json.

A matrix product of n rows with an (inputs, outputs) weight is 2·n·inputs·outputs, its gradient with
respect to its input as much again, that with respect to its weight once more where the weight is
trained (Kaplan et al. 2020, arXiv:2001.08361, section 2.1). Attention adds 4·n²·width a layer for a
row of n tokens, and twice that backward, counted whole although half is masked (Chowdhery et al.
2022, arXiv:2204.02311, appendix B). Norms, activations, softmax and the optimiser are left out, as
in both.

Not by torch's counter on sampled steps: `eval_share` needs figures before there is a model, and the
counter knows neither flash attention's own kernels nor sdpa on the CPU (torch 2.14), nor does it
tell padding, recomputation and DoRA's products from the rest.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Work(NamedTuple):
    """What forward passes were given.

    `tokens` and `squares` are Σn and Σn² over `rows` of n tokens, `patches` and `patch_squares` the
    same over images; `scored` are the positions with logits.
    """

    rows: int = 0
    tokens: int = 0
    squares: int = 0
    scored: int = 0
    patches: int = 0
    patch_squares: int = 0


class Layers(NamedTuple):
    """Linear layers: weights, Σ(inputs + outputs), and layers of attention x its width.

    An adapter of rank r has r · `edges` parameters.
    """

    weights: int
    edges: int
    attention: int


@dataclass(frozen=True)
class Architecture:
    """The layers of a model by part: llm and head, and with vision those that images pass.

    `embedding` meets the pixels. The aligner takes `merge` patches at a time: `entry` is its first
    layer, `aligner` the rest. `pixels` is the area of an image that becomes one token.
    """

    parts: Mapping[str, Layers]
    merge: int = 1
    pixels: int = 1


class Flops(NamedTuple):
    """FLOPs of the passes over some work.

    `recompute` is the second forward pass of gradient checkpointing, of the language model's layers
    alone: a frozen vision tower needs none.
    """

    forward: float
    backward: float
    recompute: float


def count_flops(architecture: Architecture, adapters: Mapping[str, int], work: Work) -> Flops:
    """FLOPs of `work`, with so many adapter parameters in vision_tower, aligner and llm.

    Frozen weights have no gradient, and nothing before the first adapter has any.
    """
    merged = work.patches / architecture.merge
    positions = {"embedding": work.patches, "vision_tower": work.patches, "entry": merged}
    positions |= {"aligner": merged, "llm": work.tokens, "head": work.scored}
    squares = {"vision_tower": work.patch_squares, "llm": work.squares}
    forward = backward = recompute = 0.0
    for part, layers in architecture.parts.items():
        linear = 2 * layers.weights * positions[part]
        attention = 4 * layers.attention * squares.get(part, 0)
        adapted = 2 * adapters.get(part, 0) * positions[part]
        forward += linear + attention + adapted
        reached = any(adapters[first] for first in _ADAPTED_BEFORE.get(part, adapters))
        backward += (linear + 2 * attention) * reached + 2 * adapted
        if part == "llm":
            recompute = linear + attention + adapted
    return Flops(forward, backward, recompute)


# A part passes a gradient on where one of these has adapters. Not listed: any of all.
_ADAPTED_BEFORE = {
    "embedding": (),
    "vision_tower": ("vision_tower",),
    "entry": ("vision_tower",),
    "aligner": ("vision_tower", "aligner"),
}


def read_architecture(config: Mapping[str, Any]) -> Architecture | None:
    """The architecture of a config.json: Qwen-VL's, InternVL's, Mistral 3's or a language model's.

    None when it has parts that are not known here: a guess would be worse than no figure.
    """
    text, vision = config.get("text_config", config), config.get("vision_config")
    try:
        head = _layers(1, [(text["hidden_size"], text["vocab_size"])])
        decoder = {"llm": _decoder(text), "head": head}
        if vision is None:
            return Architecture(decoder)
        return _with_vision(config, vision, decoder, text["hidden_size"])
    except KeyError:
        return None


def tokens_of_image(architecture: Architecture, width: int, height: int, max_pixels: int) -> int:
    """Tokens that an image becomes, by area: at most `max_pixels`, at least one token."""
    return max(1, math.ceil(min(width * height, max_pixels) / architecture.pixels))


def patch_size(vision: Mapping[str, Any]) -> int:
    """Side of a patch in pixels, of a config.json's `vision_config`."""
    size = vision["patch_size"]
    return int(size[0] if isinstance(size, list | tuple) else size)


def _layers(count: int, linears: list[tuple[int, int]], attention: int = 0) -> Layers:
    """`count` layers, each of linear layers with these (inputs, outputs)."""
    weights = sum(inputs * outputs for inputs, outputs in linears)
    return Layers(count * weights, count * sum(map(sum, linears)), count * attention)


def _decoder(text: Mapping[str, Any]) -> Layers:
    """Layers of attention with grouped keys and a gated MLP. Raises KeyError for any other."""
    hidden, inner, heads = (
        text[key] for key in ("hidden_size", "intermediate_size", "num_attention_heads")
    )
    width = text.get("head_dim") or hidden // heads
    queries, keys = heads * width, text["num_key_value_heads"] * width
    gated = text["hidden_act"] == "silu" or text["model_type"].startswith("gemma")
    sparse = any("expert" in key and text[key] for key in text)
    if sparse or not gated or "linear_attention" in (text.get("layer_types") or ()):
        raise KeyError("experts, linear attention and MLPs without a gate are not counted")
    attention = [(hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden)]
    mlp = [(hidden, inner), (hidden, inner), (inner, hidden)]
    return _layers(text["num_hidden_layers"], attention + mlp, queries)


def _with_vision(
    config: Mapping[str, Any], vision: Mapping[str, Any], decoder: dict[str, Layers], hidden: int
) -> Architecture:
    width, inner, patch = vision["hidden_size"], vision["intermediate_size"], patch_size(vision)
    attention, mlp = [(width, width)] * 4, [(width, inner), (inner, width)]
    mergers, depth, values = 1, "num_hidden_layers", 3  # values a pixel: red, green and blue
    if "spatial_merge_size" in vision:  # Qwen-VL: a merger for the embedding, one a deep layer
        merge, depth = vision["spatial_merge_size"] ** 2, "depth"
        mergers += len(vision.get("deepstack_visual_indexes", ()))
        entry, rest = (width * merge, width * merge), [(width * merge, vision["out_hidden_size"])]
        attention = [(width, 3 * width), (width, width)]
        values = vision["in_channels"] * vision["temporal_patch_size"]
    elif "downsample_ratio" in config:  # InternVL
        merge = round(config["downsample_ratio"] ** -2)
        entry, rest = (width * merge, hidden), [(hidden, hidden)]
    else:  # Mistral 3 with Pixtral
        merge = config["spatial_merge_size"] ** 2
        mlp = [(width, inner), (width, inner), (inner, width)]
        entry, rest = (width * merge, width), [(width, hidden), (hidden, hidden)]
    sight = {
        "embedding": _layers(1, [(patch**2 * values, width)]),
        "vision_tower": _layers(vision[depth], attention + mlp, width),
        "entry": _layers(mergers, [entry]),
        "aligner": _layers(mergers, rest),
    }
    return Architecture(sight | decoder, merge, pixels=merge * patch**2)
