"""The data card: what the prepared dataset holds and where it came from, as a page of markdown.

Made of what ingest and prepare wrote, so that it says the same of every source. Texts of rows stand
in fences that they cannot close; nothing in the page is a time, so the same data give one page.
"""

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCardData

from ketune.tasks.kinds import CATEGORIES, SAMPLE_TYPES, SPLITS
from ketune.tasks.samples import PreparedSample, answer, question

# Upper bounds of a hub's size_categories, and their names.
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
_SOURCES = 10  # documents listed by name
_HUB = "https://huggingface.co/datasets"


@dataclass(frozen=True)
class Card:
    """What the page is made of.

    `provenance` is data/raw/source.json, `generation` data/raw/generation.json (None unless the
    generator made the rows), `counts` the record of data/prepared. `examples` are train samples,
    whose image paths are relative to `root`; `documents` counts the prepared rows by the document
    they are of.
    """

    provenance: Mapping[str, Any]
    generation: Mapping[str, Any] | None
    counts: Mapping[str, Any]
    examples: Sequence[PreparedSample]
    documents: Counter[str]
    root: Path


def pick_examples(samples: Iterable[PreparedSample]) -> list[PreparedSample]:
    """A text and a picture sample of each category, the types in turn, first come first taken.

    Where a category lacks the type whose turn it is, its first sample stands in.
    """
    chosen: dict[tuple[str, bool], PreparedSample] = {}
    for sample in samples:
        key = (sample["category"], sample["multimodal"])
        turn = (CATEGORIES.index(sample["category"]) + sample["multimodal"]) % len(SAMPLE_TYPES)
        wanted = SAMPLE_TYPES[turn]
        if key not in chosen or (chosen[key]["type"] != wanted == sample["type"]):
            chosen[key] = sample
    keys = ((category, shown) for category in CATEGORIES for shown in (False, True))
    return [chosen[key] for key in keys if key in chosen]


def write_card(directory: Path, card: Card) -> None:
    """Write README.md and, in images/, the pictures that it shows."""
    images = directory / "images"
    images.mkdir()
    for sample in card.examples:
        for path in sample["images"]:
            shutil.copyfile(card.root / path, images / Path(path).name)
    (directory / "README.md").write_text(render(card), encoding="utf-8", newline="\n")


def render(card: Card) -> str:
    """The page, led by the metadata that a hub reads."""
    sections = [
        ["---", _metadata(card).to_yaml(), "---"],
        [f"# Data card: {card.provenance['source']}"],
        _provenance(card),
        _licence(card),
        _counts(card),
        _lengths(card),
        _quality(card),
        _documents(card),
        _generation(card),
        _examples(card),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _metadata(card: Card) -> DatasetCardData:
    """Hub ids only: a local source is named in the text alone."""
    source = card.provenance["source"]
    rows = sum(card.counts["rows"].values())
    licence = "apache-2.0" if card.generation else "other"
    return DatasetCardData(
        pretty_name=f"{source}, prepared",
        language="en",
        license=licence,
        license_name=None if card.generation else "as-its-source",
        task_categories=["image-text-to-text", "question-answering", "text-generation"],
        size_categories=next((name for most, name in _SIZES.items() if rows < most), "1M<n<10M"),
        source_datasets=[source] if card.provenance["commit"] else None,
        tags=["qiskit", "quantum-computing"],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"{split}.jsonl"} for split in SPLITS],
            }
        ],
    )


def _provenance(card: Card) -> list[str]:
    rows = [("source", f"`{card.provenance['source']}`")]
    for name in ("revision", "commit"):
        if card.provenance[name]:
            rows.append((name, f"`{card.provenance[name]}`"))
    if card.generation:
        rows.append(("seed", str(card.generation["seed"])))
        rows.append(("generator", f"`{card.generation['generator']}` (digest of its code)"))
        packages = card.generation["versions"].items()
        rows.append(("made with", ", ".join(f"{name} {version}" for name, version in packages)))
    for split in SPLITS:
        file = card.provenance["files"][split]
        rows.append((f"{split}, as ingested", f"{file['rows']:,} rows, sha256 `{file['sha256']}`"))
    return ["## Provenance", "", *_table(("", ""), rows)]


def _licence(card: Card) -> list[str]:
    source = card.provenance["source"]
    if card.generation:
        text = (
            "Made by this repository's generator from templates and Qiskit, under the repository's "
            "licence (Apache-2.0). No text or picture of another dataset is in it."
        )
    elif card.provenance["commit"]:
        text = (
            f"As its authors state on [{source}]({_HUB}/{source}/tree/"
            f"{card.provenance['commit']}) at this commit. The documents that rows were made of "
            "(below) have licences of their own."
        )
    else:
        text = "A local directory: as its owner states. Nothing in the files names a licence."
    return ["## Licence", "", text]


def _counts(card: Card) -> list[str]:
    counts = card.counts
    total = sum(counts["rows"].values())

    def rows(name: str, values: Sequence[str]) -> Iterator[tuple[str, ...]]:
        for value in values:
            found = [counts[name][split][value] for split in SPLITS]
            yield (value, *_figures(found), f"{sum(found) / max(total, 1):.1%}")

    found = [counts["rows"][split] for split in SPLITS]
    lines = ["## Rows", "", "After preparation: what training and evaluation read.", ""]
    lines += _table(
        ("", *SPLITS, "all", "share"),
        [
            ("**rows**", *_figures(found), "100.0%"),
            ("**by type**", *[""] * 5),
            *rows("types", SAMPLE_TYPES),
            ("**by modality**", *[""] * 5),
            *rows("modality", ("text", "multimodal")),
            ("**by category**", *[""] * 5),
            *rows("categories", [name for name in CATEGORIES if _occurs(counts, name)]),
        ],
    )
    return lines


def _occurs(counts: Mapping[str, Any], category: str) -> bool:
    return any(counts["categories"][split][category] for split in SPLITS)


def _figures(found: Sequence[int]) -> tuple[str, ...]:
    return (*(f"{number:,}" for number in found), f"{sum(found):,}")


def _lengths(card: Card) -> list[str]:
    counts = card.counts
    measured = {
        "question, characters": counts["question_characters"]["train"],
        "answer, characters": counts["answer_characters"]["train"],
        "question, tokens": counts["tokens"]["question"]["train"],
        "answer, tokens": counts["tokens"]["answer"]["train"],
        "image, width": counts["images"]["width"],
        "image, height": counts["images"]["height"],
        "image, tokens": counts["images"]["tokens"],
    }
    names = list(measured["question, characters"])
    lines = [
        "## Lengths",
        "",
        f"Of the train split; images of all: {counts['images']['unique']:,}",
    ]
    lines[-1] += f" different. Tokens of {counts['tokens']['tokenizer']}."
    rows = [(what, *(f"{values[n]:,}" for n in names)) for what, values in measured.items()]
    return [*lines, "", *_table(("", *names), rows)]


def _quality(card: Card) -> list[str]:
    counts = card.counts
    refused = counts["quarantined"]
    lines = ["## Refused, repeated, overlapping", ""]
    reasons = ", ".join(f"{name} {count:,}" for name, count in refused["reasons"].items())
    lines.append(f"- Rows that break the contract: {sum(refused['rows'].values()):,}")
    lines[-1] += f" ({reasons})." if reasons else "."
    repeated = counts["duplicate_prompts"]
    within = sum(repeated["within"].values())
    across = sum(repeated["across"].values())
    lines.append(
        f"- Prompts that occur twice: {within:,} within a split, {across:,} across splits."
    )
    for name, found in counts["contamination"]["benchmarks"].items():
        rows = ", ".join(f"{split} {found['rows'][split]:,}" for split in SPLITS)
        of = "the test split" if name == "dataset" else name
        lines.append(
            f"- Rows that repeat a task of {of} ({found['tasks']:,} tasks, "
            f"{found['tasks_found']:,} found): {rows}."
        )
    dropped = counts["contamination"]["dropped"]
    lines.append(f"- Rows dropped for that: {sum(dropped.values()):,}.")
    for relation, pairs in counts["siblings"]["rows"].items():
        if relation == "source" and card.generation:
            continue  # all rows have the generator's
        text = ", ".join(f"{pair.replace('_', '/')} {count:,}" for pair, count in pairs.items())
        lines.append(f"- Rows that share their {relation} with one of another split: {text}.")
    return lines


def _documents(card: Card) -> list[str]:
    if card.generation or not card.documents:
        return []
    lines = ["## Documents", "", f"{len(card.documents):,} documents; those with most rows:", ""]
    most = sorted(card.documents.items(), key=lambda item: (-item[1], item[0]))[:_SOURCES]
    return [*lines, *_table(("document", "rows"), [(_code(d), f"{n:,}") for d, n in most])]


def _generation(card: Card) -> list[str]:
    if not card.generation:
        return []
    splits = card.generation["splits"]
    reasons = sorted({reason for split in splits.values() for reason in split["rejected"]})
    left_out: dict[str, Counter[str]] = {reason: Counter() for reason in reasons}
    for split in splits.values():
        for reason, families in split["rejected"].items():
            left_out[reason].update(families)
    kept: Counter[str] = Counter()
    for split in splits.values():
        kept.update(split["family"])
    needed = sum(split["needs_image"] for split in splits.values())
    pictures = sum(split["pictures"] for split in splits.values())
    families = sorted({*kept, *(name for tally in left_out.values() for name in tally)})
    rows = [
        (
            name,
            *(f"{splits[split]['family'].get(name, 0):,}" for split in splits),
            *(f"{left_out[reason][name]:,}" for reason in reasons),
        )
        for name in families
    ]
    total = tuple(f"{splits[split]['rows']:,}" for split in splits)
    sums = tuple(f"{tally.total():,}" for tally in left_out.values())
    return [
        "## Generation",
        "",
        f"{len(kept):,} families of tasks. Every reference answer of a code row passed its own "
        "test in the judge. What was drawn and left out: a *duplicate* of an earlier row, a sample "
        "whose program, circuit or picture belongs to another split (*other_split*), a reference "
        "that the judge refused (its outcome).",
        "",
        f"{pictures:,} rows have a picture; {needed:,} of them cannot be answered without it.",
        "",
        "<details><summary>Rows and samples left out, by family</summary>",
        "",
        *_table(("family", *splits, *reasons), [("**all**", *total, *sums), *rows]),
        "",
        "</details>",
    ]


def _examples(card: Card) -> list[str]:
    lines = ["## Examples", "", "Of the train split, the first of their kind."]
    for sample in card.examples:
        shown = "picture" if sample["multimodal"] else "text"
        lines += ["", f"### {sample['category']}, {sample['type']}, {shown}", ""]
        lines += [f"`{sample['id']}`", ""]
        lines += [f"![{Path(path).name}](images/{Path(path).name})\n" for path in sample["images"]]
        code = sample["type"] != "qa"
        stub = sample["type"] == "function_completion"
        lines += _fence(question(sample), "python" if stub else "text")
        lines += ["", "Answer:", "", *_fence(answer(sample), "python" if code else "text")]
        if code:
            lines += ["", "<details><summary>Test</summary>", ""]
            lines += [*_fence(sample["test_code"], "python"), "", "</details>"]
    return lines


def _fence(text: str, language: str) -> list[str]:
    """A code block that no run of backticks in `text` closes."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return [f"{marks}{language}", text.strip("\n"), marks]


def _code(text: str) -> str:
    """Inline code within a table's cell."""
    return "`" + re.sub(r"\s+", " ", text).replace("`", "'").replace("|", "\\|") + "`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table whose columns, the first apart, are of numbers; without a head, of texts."""
    others = "---:" if any(head) else "---"
    lines = [head, ["---", *[others] * (len(head) - 1)], *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]
