"""Resuming generation, with a stand-in for the engine."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from stages import generate
from stages.completions.records import read_completions
from stages.params import Params
from stages.swift.engine import Prompt, batches
from stages.swift.model import Model
from tests.swift.conftest import changed
from tests.swift.test_engine import prompt

MODEL = Model("models/local", None, "digest")


class Engine:
    """Answers with the prompt's id, and fails at batch number `fails_at`."""

    def __init__(self, n_samples: int, fails_at: int | None = None) -> None:
        self.n_samples, self.fails_at = n_samples, fails_at
        self.asked: list[str] = []

    def __call__(self, batch: Sequence[Prompt]) -> list[list[str]]:
        if self.fails_at == 0:
            raise KeyboardInterrupt
        self.fails_at = None if self.fails_at is None else self.fails_at - 1
        self.asked += [p.task.task_id for p in batch]
        return [[f"{p.task.task_id} {n}" for n in range(self.n_samples)] for p in batch]


@pytest.fixture
def params(full: Params) -> Params:
    changes = {"backend": "transformers", "batch_size": 3, "n_samples": 2, "temperature": 0.8}
    return changed(full, generation=full.generation.model_dump() | changes)


@pytest.mark.parametrize("damage", ["", '{"task_id": "dataset/6", "bench'])
def test_an_interrupted_generation_loses_no_finished_batch_and_repeats_none(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    prompts = [prompt(str(i), "q" * i) for i in range(8)]
    partial = tmp_path / "completions.jsonl"

    def run(engine: Engine) -> None:
        monkeypatch.setattr(generate, "load_engine", lambda *_: engine)
        generate._generate_missing(params, MODEL, prompts, partial, "base")

    first = Engine(2, fails_at=2)
    with pytest.raises(KeyboardInterrupt):
        run(first)
    with partial.open("a") as file:
        file.write(damage)
    second = Engine(2)
    run(second)
    assert sorted(first.asked + second.asked) == sorted(p.task.task_id for p in prompts)
    assert len(first.asked) == 6
    completions = read_completions(partial)
    assert len(completions) == 16
    assert all(c["completion"] == f"{c['task_id']} {c['sample']}" for c in completions)
    run(Engine(2, fails_at=0))  # nothing is left to ask


def test_a_batch_of_which_a_sample_is_missing_is_generated_again(params: Params) -> None:
    planned = batches([prompt(str(i)) for i in range(6)], params)
    known = [c for batch in planned for c in generate._complete(batch, [["a", "b"]] * 3)]
    kept, missing = generate._split_batches(planned, known[:-1], n_samples=2)
    assert missing == [planned[1]]
    assert kept == known[:6]
