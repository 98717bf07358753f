"""The pretraining corpus never shows the fine-tuning task, and its batches lose nothing."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from ketune.synthetic import samples
from tools.tiny.corpus import documents
from tools.tiny.pretrain import Corpus, Recipe, rate_factor


def test_chats_are_answered_in_openqasm_never_in_python() -> None:
    chats = [document for document in documents(3, 300) if "assistant" in document.prompt]
    assert len(chats) > 10
    answers = [chat.answer for chat in chats]
    assert all(chat.prompt.endswith("<|im_start|>assistant\n") for chat in chats)
    assert all(answer.startswith("OPENQASM 2.0;") for answer in answers)
    assert not any("def " in answer or "import" in answer for answer in answers)


def test_no_test_program_is_in_the_corpus() -> None:
    shown = " ".join(document.answer for document in documents(3, 600))
    held_out = [s for s in islice(samples("test", 3, draw=False), 120) if s.type != "qa"]
    bodies = [s.program.split(") -> ")[1].split(":\n", 1)[1] for s in held_out]
    assert len(bodies) > 50
    assert not [body for body in bodies if body in shown]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    sizes = np.array([10, 81, 60, 50, 110, 100, 90, 200] * 20)
    offsets = np.concatenate([[0], sizes.cumsum()])
    np.savez(
        tmp_path / "corpus.npz",
        ids=(np.arange(offsets[-1]) % 500).astype(np.uint16),
        offsets=offsets,
        answers=np.full(len(sizes), 4),
        parts=np.zeros(len(sizes), np.uint8),
        part_names=np.array(["file"]),
        images=np.full(len(sizes), -1, np.int32),
    )
    np.save(tmp_path / "pictures.npy", np.zeros((0, 96, 128, 3), np.uint8))
    return Corpus(tmp_path, Recipe(tokens=1024), pad=511, image=510)


def test_an_epoch_shows_each_document_at_most_once_and_all_that_fill_batches(
    corpus: Corpus,
) -> None:
    shown = np.concatenate([members for _, members in corpus.plan(0)])
    assert len(shown) == len(set(shown)) > 140


def test_targets_are_the_answers_next_tokens(corpus: Corpus) -> None:
    length, members = corpus.batch(0)
    ids, targets, patches = corpus.tensors(length, members, np.random.default_rng(0))
    assert patches is None
    first = corpus.ids[corpus.offsets[members[0]] : corpus.offsets[members[0] + 1]]
    assert ids[0, : len(first) - 1].tolist() == first[:-1].tolist()
    assert targets[0, 3 : len(first) - 1].tolist() == first[4:].tolist()
    assert (targets[0, :3] == -100).all()
    assert (targets[0, len(first) - 1 :] == -100).all()


def test_rate_rises_stays_and_falls() -> None:
    recipe = Recipe(steps=100, warmup=10, decay=20)
    factors = [rate_factor(step, recipe) for step in range(100)]
    assert factors[0] == 0.1
    assert factors[50] == 1.0
    assert factors[99] == 0.05
