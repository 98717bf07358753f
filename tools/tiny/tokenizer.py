"""Qwen's byte-level BPE restricted to the merges a corpus uses.

On text whose words occur in the corpus, the restricted tokenizer cuts exactly where the full one
does (ids are renumbered in rank order, specials last); any other text still round-trips, through
more and shorter tokens.
"""

import base64
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

Ranks = dict[bytes, int]

SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>", "<tool_call>",
    "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
    "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>",
)  # fmt: skip
# Qwen marks these as ordinary added tokens: they survive decoding with skip_special_tokens.
VISIBLE = frozenset(SPECIALS[14:])

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = """{%- set media = namespace(images=0, videos=0) %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.content is string %}
        {{- message.content }}
    {%- else %}
        {%- for content in message.content %}
            {%- if content.type == 'image' or 'image' in content or 'image_url' in content %}
                {%- set media.images = media.images + 1 %}
                {%- if add_vision_id %}Picture {{ media.images }}: {% endif -%}
                <|vision_start|><|image_pad|><|vision_end|>
            {%- elif content.type == 'video' or 'video' in content %}
                {%- set media.videos = media.videos + 1 %}
                {%- if add_vision_id %}Video {{ media.videos }}: {% endif -%}
                <|vision_start|><|video_pad|><|vision_end|>
            {%- elif 'text' in content %}
                {{- content.text }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


@cache
def qwen_ranks() -> Ranks:
    """Token bytes → rank of Qwen's tokenizer, from the `dashscope` package (a dependency)."""
    text = files("dashscope.resources").joinpath("qwen.tiktoken").read_text("ascii")
    pairs = (line.split() for line in text.splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in pairs}


def merge_steps(word: bytes, ranks: Ranks, below: int | None = None) -> list[list[bytes]]:
    """Every state byte-pair encoding passes through on `word`, first (single bytes) to last.

    Only merges into tokens of rank less than `below` are done (all of them if None).
    """
    parts = [bytes([byte]) for byte in word]
    states = [list(parts)]
    while True:
        best, place = below, -1
        for index in range(len(parts) - 1):
            rank = ranks.get(parts[index] + parts[index + 1])
            if rank is not None and (best is None or rank < best):
                best, place = rank, index
        if place < 0:
            return states
        parts[place : place + 2] = [parts[place] + parts[place + 1]]
        states.append(list(parts))


def _split() -> pre_tokenizers.Split:
    return pre_tokenizers.Split(Regex(SPLIT), behavior="isolated", invert=False)


def used_tokens(texts: Iterable[str], ranks: Ranks) -> set[bytes]:
    """Tokens that appear at any step of encoding `texts`, and all 256 single bytes.

    Closed under ancestry, since a token only appears after the two it was merged from.
    """
    split = _split()
    words = {word for text in texts for word, _ in split.pre_tokenize_str(text)}
    used = {bytes([byte]) for byte in range(256)}
    for word in words:
        for state in merge_steps(word.encode(), ranks):
            used.update(state)
    return used


def restricted_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer that encodes `texts` as Qwen's full one does, with only the merges needed."""
    ranks = qwen_ranks()
    tokens = sorted(used_tokens(texts, ranks), key=ranks.__getitem__)
    letters = bytes_to_unicode()

    def name(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    merges = []
    for token in tokens:
        if len(token) > 1:
            left, right = merge_steps(token, ranks, below=ranks[token])[-1]
            merges.append((name(left), name(right)))
    vocabulary = {name(token): index for index, token in enumerate(tokens)}
    backend = Tokenizer(BPE(vocab=vocabulary, merges=merges, fuse_unk=False))
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [_split(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    backend.decoder = decoders.ByteLevel()
    backend.add_tokens(
        [AddedToken(text, normalized=False, special=text not in VISIBLE) for text in SPECIALS]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=[text for text in SPECIALS if text not in VISIBLE],
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
