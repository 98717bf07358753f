"""Token counts are those of Qwen's tokenizer, as the library of tokenizers counts them."""

from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from ketune.dataset.tokens import count_tokens
from tools.tiny.tokenizer import restricted_tokenizer

TEXTS = [
    "from qiskit import QuantumCircuit\n\n\ndef bell():\n    qc = QuantumCircuit(2)\n",
    "It maps |0⟩ to $\\frac{1}{\\sqrt{2}}(|0\\rangle + |1\\rangle)$, and so on: 12345.67!",
    "Über-größe \u0065\u0301 und 量子 🙂\r\n\t  x",
    "don't can't  we've\n\n\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_counts_are_those_of_the_tokenizer_with_the_same_vocabulary(text: str) -> None:
    # Built from the same ranks by another implementation, with the merges that the texts need.
    tokenizer = restricted_tokenizer(normalize("NFC", each) for each in TEXTS)
    assert count_tokens(text) == len(tokenizer(text)["input_ids"])


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("hello", 1), ("hello world", 2), ("12345", 5), ("e\u0301", 1)]
)
def test_known_counts(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


def test_a_smaller_vocabulary_never_needs_fewer_tokens() -> None:
    asset = Path(__file__).parents[1] / "assets" / "tiny-qwen3-vl" / "tokenizer.json"
    tiny = Tokenizer.from_file(str(asset))
    for text in TEXTS:
        assert count_tokens(text) <= len(tiny.encode(text).ids)


@given(st.text())
def test_any_text_is_counted(text: str) -> None:
    assert 0 <= count_tokens(text) <= 4 * len(text) + 4
