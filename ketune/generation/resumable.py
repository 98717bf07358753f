"""Generation that a killed run goes on with: completions are appended batch by batch."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ketune.generation.prompts import Answer, Backend, Prompt, Subject, batches
from ketune.params import Params
from ketune.tasks.completions import Completion, read_journal, write_completions


@dataclass
class Effort:
    """What this process did: prompts and tokens it generated, and the seconds it took."""

    prompts: int = 0
    tokens: int = 0
    seconds: float = 0.0


def generate_missing(
    backend: Backend, params: Params, subject: Subject, prompts: list[Prompt], partial: Path
) -> Effort:
    """Append the completions of every batch that `partial` does not hold whole, batch by batch."""
    known = read_journal(partial)
    planned = batches(prompts, backend.batch_size(params))
    kept, missing = _split_batches(planned, known, params.generation.n_samples)
    write_completions(partial, kept)
    effort = Effort()
    if not missing:
        return effort
    engine, start = backend.load(params, subject), time.monotonic()
    todo = sum(len(batch) for batch in missing)
    with (
        partial.open("a", encoding="utf-8") as file,
        tqdm(total=todo, desc=f"generate {subject.label}", unit="prompt") as bar,
    ):

        def record(
            batch: Sequence[Prompt], answers: Sequence[Sequence[Answer]], tokens: int
        ) -> None:
            for completion in _complete(batch, answers):
                file.write(json.dumps(completion, ensure_ascii=False) + "\n")
            file.flush()
            effort.prompts += len(batch)
            effort.tokens += tokens
            bar.update(len(batch))

        engine(missing, record)
    effort.seconds = time.monotonic() - start
    return effort


def _split_batches(
    planned: list[list[Prompt]], known: list[Completion], n_samples: int
) -> tuple[list[Completion], list[list[Prompt]]]:
    """Completions of whole batches, and the batches that must be generated."""
    known = [c for c in known if 0 <= c["sample"] < n_samples]
    counts = Counter((c["task_id"], c["condition"]) for c in known)
    missing = [batch for batch in planned if any(counts[p.key] < n_samples for p in batch)]
    whole = {prompt.key for batch in planned for prompt in batch}
    whole -= {prompt.key for batch in missing for prompt in batch}
    return [c for c in known if (c["task_id"], c["condition"]) in whole], missing


def _complete(batch: Sequence[Prompt], answers: Sequence[Sequence[Answer]]) -> list[Completion]:
    return [
        {
            "task_id": prompt.task.task_id,
            "benchmark": prompt.task.benchmark,
            "condition": prompt.condition,
            "sample": number,
            "completion": answer.text,
            "truncated": answer.truncated,
        }
        for prompt, samples in zip(batch, answers, strict=True)
        for number, answer in enumerate(samples)
    ]
