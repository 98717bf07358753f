"""Floating-point operations of training, from a model's config.json.

A matrix product of n rows with an (inputs, outputs) weight is 2·n·inputs·outputs, its gradient with
respect to its input as much again, that with respect to its weight once more where the weight is
trained (Kaplan et al. 2020, arXiv:2001.08361, section 2.1). Attention adds 4·n²·width a layer for a
row of n tokens, and twice that backward, counted whole although half is masked (Chowdhery et al.
2022, arXiv:2204.02311, appendix B). Model FLOPs are what the mathematics needs; hardware FLOPs also
count the second forward pass of gradient checkpointing, and padding (Narayanan et al. 2021,
arXiv:2104.04473, section 5.1). Norms, activations, softmax and the optimiser are left out, as in
all three.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ketune.training.counts import Work

Linear = tuple[int, int]  # inputs, outputs


@dataclass(frozen=True)
class Stack:
    """Transformer layers: `weights` of all linear layers together, attention width x layers."""

    weights: int
    attention: int
    edges: int  # Σ(inputs + outputs) of the linear layers: an adapter of rank r has r times that

    @staticmethod
    def of(layers: int, linears: Sequence[Linear], attention: int) -> "Stack":
        return Stack(
            weights=layers * sum(i * o for i, o in linears),
            attention=layers * attention,
            edges=layers * sum(i + o for i, o in linears),
        )


@dataclass(frozen=True)
class Architecture:
    """Sizes that FLOPs depend on. `head` are the weights of the output layer.

    A text-only model has no patches: its vision stack and aligner are empty. The aligner works on
    `merge` patches at a time: first its entry, on what the vision tower gives, then the rest.
    `embedding` are the weights that pixels meet, to which no gradient flows on.
    `pixels` is the area of an image that becomes one token.
    """

    llm: Stack
    head: int
    embedding: int
    vision: Stack
    entry: Stack
    rest: Stack
    merge: int
    pixels: int


@dataclass(frozen=True)
class Training:
    """What of the model is trained: adapter parameters by part, and what is computed twice."""

    parts: Mapping[str, int]
    recompute: bool


@dataclass(frozen=True)
class Passes:
    """FLOPs of a training run's passes, and of its evaluations."""

    forward: float
    backward: float
    recompute: float
    evaluation: float

    @property
    def training(self) -> float:
        return self.forward + self.backward + self.recompute

    @property
    def evaluation_share(self) -> float:
        return self.evaluation / (self.training + self.evaluation)


def read_architecture(config: Mapping[str, Any]) -> Architecture | None:
    """The architecture of a config.json: Qwen-VL's, InternVL's, Mistral 3's or a language model's.

    None when it has parts that are not known here: a guess would be worse than no figure.
    """
    text = config.get("text_config", config)
    vision = config.get("vision_config")
    try:
        hidden, heads = text["hidden_size"], text["num_attention_heads"]
        width = text.get("head_dim") or hidden // heads
        llm = _decoder(text, hidden, heads * width, text["num_key_value_heads"] * width)
        head = hidden * text["vocab_size"]
        if vision is None:
            none = Stack.of(0, [], 0)
            return Architecture(llm, head, 0, none, none, none, merge=1, pixels=1)
        return _with_vision(config, vision, llm, head, hidden)
    except KeyError:
        return None


def _decoder(text: Mapping[str, Any], hidden: int, queries: int, keys: int) -> Stack:
    inner = text["intermediate_size"]
    linears = [(hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden)]
    linears += [(hidden, inner), (hidden, inner), (inner, hidden)]
    if "num_experts" in text or "linear_attention" in text.get("layer_types", ()):
        raise KeyError("experts and linear attention are not counted")
    return Stack.of(text["num_hidden_layers"], linears, queries)


def _with_vision(
    config: Mapping[str, Any], vision: Mapping[str, Any], llm: Stack, head: int, hidden: int
) -> Architecture:
    width, inner = vision["hidden_size"], vision["intermediate_size"]
    patch = _side(vision["patch_size"])
    attention: list[Linear] = [(width, width)] * 4
    mlp = [(width, inner), (inner, width)]
    mergers, depth, colours = 1, "num_hidden_layers", 3
    if "spatial_merge_size" in vision:  # Qwen-VL: a merger for the embedding, one a deep layer
        merge, depth = vision["spatial_merge_size"] ** 2, "depth"
        mergers += len(vision.get("deepstack_visual_indexes", ()))
        entry, rest = (width * merge, width * merge), [(width * merge, vision["out_hidden_size"])]
        attention = [(width, 3 * width), (width, width)]
        colours = vision["in_channels"] * vision["temporal_patch_size"]
    elif "downsample_ratio" in config:  # InternVL
        merge = round(config["downsample_ratio"] ** -2)
        entry, rest = (width * merge, hidden), [(hidden, hidden)]
    else:  # Mistral 3 with Pixtral
        merge = config["spatial_merge_size"] ** 2
        mlp = [(width, inner), (width, inner), (inner, width)]
        entry, rest = (width * merge, width), [(width, hidden), (hidden, hidden)]
    return Architecture(
        llm=llm,
        head=head,
        embedding=patch**2 * colours * width,
        vision=Stack.of(vision[depth], attention + mlp, width),
        entry=Stack.of(mergers, [entry], 0),
        rest=Stack.of(mergers, rest, 0),
        merge=merge,
        pixels=merge * patch**2,
    )


def _side(size: Any) -> int:
    return int(size[0] if isinstance(size, list) else size)


def adapter_parameters(
    architecture: Architecture, rank: int, frozen: Mapping[str, bool], *, recompute: bool
) -> Training:
    """The adapters of `target_modules: all-linear`."""
    sizes = {
        "vision_tower": architecture.vision.edges,
        "aligner": architecture.entry.edges + architecture.rest.edges,
        "llm": architecture.llm.edges,
    }
    return Training(
        {part: 0 if frozen[part] else rank * edges for part, edges in sizes.items()}, recompute
    )


def padded(work: Work) -> Work:
    """The same work as it was computed, padding and all."""
    return Work(
        rows=work.rows,
        tokens=work.padded_tokens,
        squares=work.padded_squares,
        scored=work.padded_scored,
        patches=work.patches,
        patch_squares=work.patch_squares,
    )


def count_passes(
    architecture: Architecture, training: Training, train: Work, evaluation: Work
) -> Passes:
    """FLOPs of a run that did the work `train` and `evaluation`."""
    return Passes(
        forward=_forward(architecture, training, train),
        backward=_backward(architecture, training, train),
        recompute=_recompute(architecture, training, train),
        evaluation=_forward(architecture, training, evaluation),
    )


def _places(architecture: Architecture, work: Work) -> dict[str, float]:
    """How often a part's linear layers are applied."""
    merged = work.patches / architecture.merge
    return {"vision_tower": work.patches, "aligner": merged, "llm": work.tokens}


def _adapters(training: Training, places: Mapping[str, float]) -> float:
    return sum(2 * training.parts[part] * count for part, count in places.items())


def _forward(architecture: Architecture, training: Training, work: Work) -> float:
    places = _places(architecture, work)
    return (
        _layers(architecture.llm, work.tokens, work.squares)
        + 2 * architecture.head * work.scored
        + 2 * architecture.embedding * work.patches
        + _layers(architecture.vision, work.patches, work.patch_squares)
        + 2 * (architecture.entry.weights + architecture.rest.weights) * places["aligner"]
        + _adapters(training, places)
    )


def _layers(stack: Stack, tokens: float, squares: float) -> float:
    return 2 * stack.weights * tokens + 4 * stack.attention * squares


def _backward(architecture: Architecture, training: Training, work: Work) -> float:
    """Frozen weights have no gradient, and nothing before the first adapter has any."""
    places = _places(architecture, work)
    sees = training.parts["vision_tower"] > 0
    llm = 2 * architecture.llm.weights * work.tokens + 8 * architecture.llm.attention * work.squares
    total = llm + 2 * architecture.head * work.scored + 2 * _adapters(training, places)
    if training.parts["aligner"] or sees:
        passed = architecture.rest.weights + (architecture.entry.weights if sees else 0)
        total += 2 * passed * places["aligner"]
    if sees:
        vision = architecture.vision
        total += 2 * vision.weights * work.patches + 8 * vision.attention * work.patch_squares
    return total


def _recompute(architecture: Architecture, training: Training, work: Work) -> float:
    """The language model's layers once more; a frozen tower needs nothing a second time."""
    if not training.recompute:
        return 0.0
    llm = _layers(architecture.llm, work.tokens, work.squares)
    return llm + 2 * training.parts["llm"] * work.tokens


def tokens_of_image(architecture: Architecture, width: int, height: int, max_pixels: int) -> int:
    """Tokens that an image becomes, by area: at most `max_pixels`, at least one token."""
    return max(1, math.ceil(min(width * height, max_pixels) / architecture.pixels))
