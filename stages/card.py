"""Stage card: data/card/README.md, what the dataset holds and where it came from, with examples."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from ketune.paths import CARD, PREPARED, RAW, record
from ketune.reporting.card import Card, pick_examples, write_card
from ketune.runtime import StageError, atomic_directory, stage_main
from ketune.sources.raw import read_provenance
from ketune.tasks.kinds import SPLITS
from ketune.tasks.samples import read_prepared


def main() -> None:
    """Build data/card whole, or fail with one line and leave it as it was."""
    if not record(PREPARED).is_file():
        raise StageError(f"{record(PREPARED)} not found; run the prepare stage (dvc repro prepare)")
    documents: Counter[str] = Counter()
    for split in reversed(SPLITS):  # train last: its samples are the examples
        samples = read_prepared(PREPARED / f"{split}.jsonl")
        documents.update(sample["source"] for sample in samples if sample["source"])
    generation = RAW / "generation.json"
    card = Card(
        provenance=read_provenance(RAW),
        generation=_read(generation) if generation.is_file() else None,
        counts=_read(record(PREPARED)),
        examples=pick_examples(samples),
        documents=documents,
        root=Path(),
    )
    with atomic_directory(CARD) as directory:
        write_card(directory, card)
    print(f"{CARD}: README.md with {len(card.examples)} examples")


def _read(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_bytes())
    return value


if __name__ == "__main__":
    stage_main(main)
