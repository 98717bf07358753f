"""The restricted tokenizer cuts as Qwen's full one does, and never loses text."""

from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.tiny.tokenizer import SPECIALS, SPLIT, qwen_ranks, restricted_tokenizer

needs_ranks = pytest.mark.skipif(
    find_spec("dashscope") is None, reason="dashscope (dev extra) has Qwen's token ranks"
)
CORPUS = [
    'from qiskit import QuantumCircuit\n\n\ndef build() -> QuantumCircuit:\n    """Build it."""\n',
    "Build the 3-qubit circuit with Hadamard on qubit 0, cx from qubit 0 to qubit 1.",
    'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[3];\nrx(pi/2) q[0];\n',
    "  odd   spacing\t\n\n  and it's naïve — 1234 € 5",
]


@needs_ranks
def test_cuts_corpus_text_where_the_full_tokenizer_does() -> None:
    tiktoken = pytest.importorskip("tiktoken")
    full = tiktoken.Encoding("qwen", pat_str=SPLIT, mergeable_ranks=qwen_ranks(), special_tokens={})
    tokenizer = restricted_tokenizer(CORPUS)
    for text in CORPUS:
        expected = [full.decode([token]) for token in full.encode(text)]
        found = [tokenizer.decode([token]) for token in tokenizer(text)["input_ids"]]
        assert found == expected
    assert len(tokenizer) < 600


@needs_ranks
@given(st.text(max_size=80))
def test_any_text_round_trips(text: str) -> None:
    tokenizer = restricted_tokenizer(CORPUS)
    normalised = tokenizer.backend_tokenizer.normalizer.normalize_str(text)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == normalised


@needs_ranks
def test_special_tokens_are_single_and_last() -> None:
    tokenizer = restricted_tokenizer(CORPUS)
    ids = [tokenizer(text)["input_ids"] for text in SPECIALS]
    assert ids == [[len(tokenizer) - len(SPECIALS) + index] for index in range(len(SPECIALS))]
