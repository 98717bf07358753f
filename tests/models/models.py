"""Random models of the real architectures, tiny, with tokenizers built from installed packages."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import (
    AutoTokenizer,
    GotOcr2ImageProcessor,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVideoProcessor,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    PixtralImageProcessor,
    PixtralProcessor,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tests.training.workspace import TINY
from tools.tiny.tokenizer import SPLIT

BASE = Path("base")  # in a workspace
TILE = 32
SYSTEM_PROMPT = "You are a tiny model. Today is {today}, yesterday was {yesterday}."
_TEXT = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 32,
    "max_position_embeddings": 2048,
}
_VISION = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
# tekken.json of Mistral's models: these have the first ids, and the bytes follow.
_TEKKEN = (
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]",
    "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
)  # fmt: skip


def internvl(directory: Path = BASE) -> None:
    """InternVL3.5 in transformers' format: InternViT, pixel shuffle, Qwen3; 4 tokens a tile."""
    added = ["<img>", "</img>", "<IMG_CONTEXT>", "<video>"]
    named = ["start_image_token", "end_image_token", "context_image_token", "video_token"]
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    tokenizer.add_special_tokens({"additional_special_tokens": added})
    tokenizer.save_pretrained(directory)
    tokenizer = AutoTokenizer.from_pretrained(
        directory, extra_special_tokens=dict(zip(named, added, strict=True))
    )
    size = {"height": TILE, "width": TILE}
    InternVLProcessor(
        GotOcr2ImageProcessor(size=size, crop_to_patches=True),
        tokenizer,
        InternVLVideoProcessor(size=size),
        image_seq_length=4,
    ).save_pretrained(directory)
    config = InternVLConfig(
        vision_config=_VISION
        | {"num_attention_heads": 2, "image_size": [TILE, TILE], "patch_size": [8, 8]},
        text_config=_TEXT | {"model_type": "qwen3"} | _ids(tokenizer),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    _save(InternVLForConditionalGeneration, config, directory)


def ministral3(directory: Path = BASE) -> None:
    """Ministral 3: Pixtral's tower, patch merger, its own text model; [IMG] has id 10."""
    tokenizer = _tekken_like()
    PixtralProcessor(
        PixtralImageProcessor(patch_size={"height": 8, "width": 8}, size={"longest_edge": 128}),
        tokenizer,
        patch_size=8,
        spatial_merge_size=2,
    ).save_pretrained(directory)
    (directory / "SYSTEM_PROMPT.txt").write_text(SYSTEM_PROMPT)
    (directory / "params.json").write_text("{}")  # of the weights in Mistral's own format
    config = Mistral3Config(
        vision_config=_VISION
        | {"model_type": "pixtral", "num_attention_heads": 2, "head_dim": 32}
        | {"patch_size": 8, "image_size": 128},
        text_config=_TEXT
        | {"model_type": "ministral3", "vocab_size": len(tokenizer)}
        | {"max_position_embeddings": 262144},  # what its rope scaling is made for
        image_token_index=10,
        spatial_merge_size=2,
        tie_word_embeddings=False,
    )
    _save(Mistral3ForConditionalGeneration, config, directory)


def qwen3(directory: Path = BASE) -> None:
    """Qwen3, which sees no images."""
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    tokenizer.save_pretrained(directory)
    _save(Qwen3ForCausalLM, Qwen3Config(**_TEXT, **_ids(tokenizer)), directory)


def _save(architecture: Any, config: Any, directory: Path) -> None:
    torch.manual_seed(0)
    model = architecture(config)
    # Random weights of the usual size give logits too alike to tell a wrong merge from a right one.
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(
                weight, std=0.1, generator=torch.Generator().manual_seed(len(name))
            )
    model.save_pretrained(directory)


def _ids(tokenizer: Any) -> dict[str, Any]:
    end, pad = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    size = -(-len(tokenizer) // 64) * 64
    return {"vocab_size": size, "eos_token_id": end, "bos_token_id": pad, "pad_token_id": pad}


def _tekken_like() -> PreTrainedTokenizerFast:
    """Byte-level, without merges: tekken's own vocabulary is in no package."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*_TEKKEN, *letters])}
    backend = Tokenizer(BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(text, special=True) for text in _TEKKEN])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=list(_TEKKEN),
        clean_up_tokenization_spaces=False,
    )
