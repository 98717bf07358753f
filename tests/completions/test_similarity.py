"""ROUGE-L and BLEU: the libraries' own figures on English, a meaning in every other language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU

from ketune.scoring.similarity import bleu, rouge_l

SENTENCE = (
    "The a state |0> qubit Hadamard gate's well-known 3.14, (see) X_1 is entangled. foo_bar !"
)
WORDS = st.sampled_from(SENTENCE.split())
ENGLISH = st.lists(WORDS, max_size=25).map(" ".join)


@given(ENGLISH, ENGLISH)
def test_figures_of_english_are_the_libraries_own(reference: str, answer: str) -> None:
    rouge = RougeScorer(["rougeL"], use_stemmer=False)
    if any(character.isalnum() for character in reference):
        expected = rouge.score(reference, answer)["rougeL"].fmeasure
        assert rouge_l(reference, answer) == pytest.approx(expected, abs=1e-12)
    if reference.strip():
        library = BLEU(effective_order=True).sentence_score(answer, [reference]).score / 100
        assert bleu(reference, answer) == pytest.approx(library, abs=1e-12)


TEXTS = (
    *("量子比特处于叠加态。", "量子ビットは重ね合わせ状態です。", "คิวบิตอยู่ในสถานะซ้อนทับ"),
    *("Кубит находится в суперпозиции.", "क्यूबिट सुपरपोज़िशन में है", "큐비트는 중첩 상태에 있다"),
    *("الكيوبت في حالة تراكب", "קיוביט", "!!!", "🙂", "⟨ψ|φ⟩", "é", "<skipped>", "&quot;", "-"),
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_like_itself_and_like_no_other(text: str) -> None:
    assert rouge_l(text, text) == 1.0
    assert round(bleu(text, text), 6) == 1.0
    assert rouge_l(text, "something else") == 0.0
    assert rouge_l(text, "") == bleu(text, "") == 0.0


@given(st.text(min_size=1).map(str.strip).filter(bool))
def test_any_text_is_like_itself(text: str) -> None:
    assert rouge_l(text, text) == 1.0
    assert round(bleu(text, text), 6) == 1.0


def test_a_part_of_a_text_without_spaces_counts() -> None:
    for text in TEXTS[:3]:
        part = text[: 2 * len(text) // 3]
        assert 0.5 < rouge_l(text, part) < 1
        assert 0.2 < bleu(text, part) < 1
