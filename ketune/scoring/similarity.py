"""How similar an answer to a question is to its reference: ROUGE-L and BLEU-4, in any language.

Both are figures of words, and languages differ in what one is. Here a word is a run of letters,
marks and digits in lower case, of any script; in a script that puts no spaces between words
(Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan) every character is one; a text without
letters and digits is taken character by character. On ASCII that is rouge-score's own tokenizer
without stemming, which drops all else. BLEU takes sacrebleu's `13a` tokens, or where most of the
reference is in a script without spaces `zh` for Chinese and `char` for the others.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import groupby

from rouge_score.tokenizers import DefaultTokenizer
from sacrebleu.metrics.bleu import BLEU

_HAN = ((0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF))
_RARE_HAN = ((0x20000, 0x3FFFF),)
_KANA = ((0x3040, 0x312F), (0x31F0, 0x31FF), (0xFF66, 0xFF9F))
_OTHERS = ((0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0xA9E0, 0xA9FF))
_SINGLE = (*_HAN, *_RARE_HAN, *_KANA, *_OTHERS)
_ASCII = DefaultTokenizer(use_stemmer=False)


def rouge_l(reference: str, answer: str) -> float:
    """F1 of the longest common subsequence of words, from 0 to 1 (Lin 2004, sentence level)."""
    expected, found = _words(reference), _words(answer)
    common = _common(expected, found)
    return 2 * common / (len(expected) + len(found)) if common else 0.0


def bleu(reference: str, answer: str) -> float:
    """Sentence BLEU-4, from 0 to 1 (Papineni et al. 2002).

    Smoothing is exponential, the order effective: a short text has no 4-grams to miss.
    """
    score = _bleu(_bleu_tokenizer(reference)).sentence_score(answer, [reference]).score
    return min(1.0, float(score) / 100)


@lru_cache(maxsize=256)
def _words(text: str) -> Sequence[str]:
    if text.isascii():
        tokens: Sequence[str] = _ASCII.tokenize(text)
    else:
        text = unicodedata.normalize("NFC", text).lower()
        tokens = [
            token
            for kind, run in groupby(text, _kind)
            if kind
            for token in (run if kind == "single" else ["".join(run)])
        ]
    return tokens or [character for character in text if not character.isspace()]


@lru_cache(maxsize=4096)
def _kind(character: str) -> str:
    """Whether a character is part of a "word", a "single" one, or "" between words."""
    if unicodedata.category(character)[0] not in "LMN":
        return ""
    return "single" if _is_of(character, _SINGLE) else "word"


def _is_of(character: str, ranges: Sequence[tuple[int, int]]) -> bool:
    return any(low <= ord(character) <= high for low, high in ranges)


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, a bit for each token of `first`.

    Crochemore et al. 2001, "A fast and practical bit-vector algorithm for the longest common
    subsequence problem"; as many steps as `second` has tokens.
    """
    places: dict[str, int] = {}
    for position, token in enumerate(first):
        places[token] = places.get(token, 0) | 1 << position
    full = (1 << len(first)) - 1
    row = full
    for token in second:
        matches = row & places.get(token, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(first) - row.bit_count()


def _bleu_tokenizer(reference: str) -> str:
    if not reference.replace("<skipped>", "").strip():
        return "char"  # 13a takes that word out
    letters = [c for c in reference if _kind(c)]
    single = [c for c in letters if _kind(c) == "single"]
    if 2 * len(single) > len(letters):
        kana_or_other = any(not _is_of(c, (*_HAN, *_RARE_HAN)) for c in single)
        return "char" if kana_or_other else "zh"
    return "13a"


@cache
def _bleu(tokenizer: str) -> BLEU:
    return BLEU(effective_order=True, tokenize=tokenizer)
