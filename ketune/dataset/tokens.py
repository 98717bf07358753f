"""Lengths in tokens of Qwen's tokenizer, which Qwen2, Qwen3 and Qwen3-VL share.

Its vocabulary comes with the installed packages, so that the same rows have the same lengths on
every machine, whatever model is trained and without asking a hub.
"""

import unicodedata
from binascii import a2b_base64
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import tiktoken

from ketune.runtime import StageError

TOKENIZER = "Qwen (Qwen2, Qwen3, Qwen3-VL)"
_VOCABULARY = "resources/qwen.tiktoken"
# tokenizer.json of Qwen/Qwen3-VL-8B-Instruct: NFC first, then these pieces.
_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def count_tokens(text: str) -> int:
    """Tokens of a text, special tokens apart: a text cannot hold any."""
    return len(_encoding().encode_ordinary(unicodedata.normalize("NFC", text)))


@cache
def _encoding() -> tiktoken.Encoding:
    # Found, not imported: the package's import takes a second.
    spec = find_spec("dashscope")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        raise StageError("the package dashscope, which holds Qwen's vocabulary, is not installed")
    lines = (Path(folders[0]) / _VOCABULARY).read_bytes().splitlines()
    pairs = (line.split() for line in lines)
    ranks = {a2b_base64(token): int(rank) for token, rank in pairs}
    return tiktoken.Encoding("qwen", pat_str=_PIECES, mergeable_ranks=ranks, special_tokens={})
