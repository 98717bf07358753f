"""The tiny base model's shape: Qwen3-VL's own architecture and processor, about 2.9 M parameters.

Every linear dimension is at least 32, so that every LoRA variant (PiSSA and OLoRA factorise the
weight itself) can be applied at the recommended rank.
"""

from transformers import (
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

PATCH = 16
MERGE = 2
# Pixels a processor without an override sees: the smoke profile sets the same value.
MAX_PIXELS = 12288
MIN_PIXELS = 1024
MAX_POSITIONS = 2048


def tiny_config(tokenizer: PreTrainedTokenizerFast) -> Qwen3VLConfig:
    """Qwen3-VL configuration for `tokenizer`'s vocabulary, rounded up to a multiple of 64 rows."""
    vocabulary = -(-len(tokenizer) // 64) * 64

    def token(name: str) -> int:
        return int(tokenizer.convert_tokens_to_ids(name))

    return Qwen3VLConfig(
        text_config={
            "vocab_size": vocabulary,
            "hidden_size": 192,
            "intermediate_size": 352,
            "num_hidden_layers": 5,
            "num_attention_heads": 6,
            "num_key_value_heads": 3,
            "head_dim": 32,
            "max_position_embeddings": MAX_POSITIONS,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                # Pairs of head_dim/2 = 16 frequencies given to time, height and width.
                "mrope_section": [6, 5, 5],
                "mrope_interleaved": True,
            },
            "tie_word_embeddings": True,
            "bos_token_id": token("<|endoftext|>"),
            "eos_token_id": token("<|im_end|>"),
            "pad_token_id": None,
        },
        vision_config={
            "depth": 3,
            "hidden_size": 96,
            "intermediate_size": 256,
            "num_heads": 3,
            "patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": 2,
            "out_hidden_size": 192,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [1],
        },
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=True,
    )


def tiny_processor(tokenizer: PreTrainedTokenizerFast) -> Qwen3VLProcessor:
    """Qwen3-VL's processor around `tokenizer`, with the patch sizes of `tiny_config`."""
    sizes = {"patch_size": PATCH, "merge_size": MERGE, "temporal_patch_size": 2}
    norm = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
    return Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(
            size={"shortest_edge": MIN_PIXELS, "longest_edge": MAX_PIXELS}, **sizes, **norm
        ),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(
            size={"shortest_edge": MIN_PIXELS, "longest_edge": 4 * MAX_PIXELS}, **sizes, **norm
        ),
        chat_template=tokenizer.chat_template,
    )
