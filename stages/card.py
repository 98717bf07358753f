"""Stage card: data/card/README.md, what the dataset holds and where it came from, with examples."""

from collections import Counter
from pathlib import Path

from ketune.paths import CARD, PREPARED, RAW, record
from ketune.reporting.card import Card, pick_examples, write_card
from ketune.runtime import atomic_directory, read_json, stage_main
from ketune.sources.raw import read_provenance
from ketune.tasks.kinds import SPLITS
from ketune.tasks.samples import read_prepared


def main() -> None:
    """Build data/card whole, or fail with one line and leave it as it was."""
    counts = read_json(record(PREPARED))
    documents: Counter[str] = Counter()
    for split in reversed(SPLITS):  # train last: its samples are the examples
        samples = read_prepared(PREPARED / f"{split}.jsonl")
        documents.update(sample["source"] for sample in samples if sample["source"])
    generation = RAW / "generation.json"
    card = Card(
        provenance=read_provenance(RAW),
        generation=read_json(generation) if generation.is_file() else None,
        counts=counts,
        examples=pick_examples(samples),
        documents=documents,
        root=Path(),
    )
    with atomic_directory(CARD) as directory:
        write_card(directory, card)
    print(f"{CARD}: README.md with {len(card.examples)} examples")


if __name__ == "__main__":
    stage_main(main)
