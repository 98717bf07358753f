"""Resuming generation, with a stand-in for the engine."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from ketune.generation import endpoint, resumable, transformers
from ketune.generation.prompts import Answer, Prompt, Record, Subject, batches
from ketune.models.locate import Model
from ketune.params import Params
from ketune.tasks.completions import read_completions
from stages import generate
from tests.generation.test_prompts import prompt
from tests.training.conftest import ROOT, changed

SUBJECT = Subject("base", Model("models/local", None, "digest"), own_template=False)


ANSWERS = [Answer("a", False), Answer("b", True)]


class Engine:
    """Answers with the prompt's id, and fails at batch number `fails_at`."""

    def __init__(self, n_samples: int, fails_at: int | None = None) -> None:
        self.n_samples, self.fails_at = n_samples, fails_at
        self.asked: list[str] = []

    def __call__(self, batches: Sequence[Sequence[Prompt]], record: Record) -> None:
        for batch in batches:
            if self.fails_at == 0:
                raise KeyboardInterrupt
            self.fails_at = None if self.fails_at is None else self.fails_at - 1
            self.asked += [p.task.task_id for p in batch]
            answers = [
                [Answer(f"{p.task.task_id} {n}", False) for n in range(self.n_samples)]
                for p in batch
            ]
            record(batch, answers, 5 * len(batch))


@pytest.fixture
def params(full: Params) -> Params:
    changes = {"backend": "transformers", "batch_size": 3, "n_samples": 2, "temperature": 0.8}
    return changed(full, generation=full.generation.model_dump() | changes)


@pytest.mark.parametrize("damage", ["", '{"task_id": "dataset/6", "bench'])
def test_an_interrupted_generation_loses_no_finished_batch_and_repeats_none(
    params: Params, tmp_path: Path, damage: str
) -> None:
    prompts = [prompt(str(i), "q" * i) for i in range(8)]
    partial = tmp_path / "completions.jsonl"

    def run(engine: Engine) -> resumable.Effort:
        backend = dataclasses.replace(transformers.BACKEND, load=lambda *_: engine)
        return resumable.generate_missing(backend, params, SUBJECT, prompts, partial)

    first = Engine(2, fails_at=2)
    with pytest.raises(KeyboardInterrupt):
        run(first)
    with partial.open("a") as file:
        file.write(damage)
    second = Engine(2)
    effort = run(second)
    assert (effort.prompts, effort.tokens) == (2, 10)
    assert sorted(first.asked + second.asked) == sorted(p.task.task_id for p in prompts)
    assert len(first.asked) == 6
    completions = read_completions(partial)
    assert len(completions) == 16
    assert all(c["completion"] == f"{c['task_id']} {c['sample']}" for c in completions)
    run(Engine(2, fails_at=0))  # nothing is left to ask


def test_an_endpoint_serves_a_directory_under_the_digest_of_its_weights(tmp_path: Path) -> None:
    # A server that still holds the weights of another experiment has another name.
    merged = tmp_path / "merged"
    merged.mkdir()
    assert endpoint.served_name(Model(str(merged), None, "0123456789abcdef")) == (
        "merged-0123456789ab"
    )
    assert endpoint.served_name(Model("some/model", None, "some/model")) == "some/model"


def test_a_resumed_run_may_ask_slower_but_not_elsewhere_or_otherwise(
    full: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)

    def key(own_template: bool = False, n_samples: int = 1, **changes: object) -> str:
        generation = full.generation.model_dump()
        generation |= {"backend": "openai", "temperature": 0.8, "n_samples": n_samples}
        generation["endpoint"] |= changes
        subject = dataclasses.replace(SUBJECT, own_template=own_template)
        return generate._run_key(
            endpoint.BACKEND,
            changed(full, generation=generation),
            subject,
            [prompt("a", "question")],
        )

    patient = key(concurrency=1, requests_per_minute=3, timeout=9.0, max_retries=99)
    assert key() == patient == key(api_key_env="OTHER_KEY")
    others = [key(base_url="http://other/v1"), key(True), key(n_samples=2), key(extensions=False)]
    assert len({patient, *others}) == 5


def test_a_batch_of_which_a_sample_is_missing_is_generated_again() -> None:
    planned = batches([prompt(str(i)) for i in range(6)], 3)
    known = [c for batch in planned for c in resumable._complete(batch, [ANSWERS] * 3)]
    kept, missing = resumable._split_batches(planned, known[:-1], n_samples=2)
    assert missing == [planned[1]]
    assert kept == known[:6]
