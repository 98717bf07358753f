"""The data card: its counts, its examples, and what rows cannot do to it."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt
from PIL import Image

from ketune.dataset.pipeline import prepare_rows
from ketune.dataset.statistics import summarise
from ketune.params import load_params
from ketune.reporting.card import pick_examples
from ketune.runtime import StageError, write_json
from ketune.sources.raw import write_provenance
from ketune.sources.sources import locate_directory, write_raw
from ketune.tasks.kinds import SPLITS
from ketune.tasks.samples import PreparedSample, read_prepared
from stages.card import main as card_main
from tests.dataset.published import good_rows, good_splits, write_parquet

REPOSITORY = Path(__file__).parents[2]
FENCE = "closing ``` and ```` and <script>alert(1)</script> | a pipe"


def prepared(root: Path, splits: dict[str, Any], source: str, commit: str | None = None) -> None:
    """data/raw, data/prepared and data/prepared.record.json of rows, as the stages write them."""
    raw, target = root / "data/raw", root / "data/prepared"
    raw.mkdir(parents=True)
    target.mkdir()
    (root / "metrics").mkdir()
    rows = write_raw(raw, locate_directory(str(write_parquet(root / "source", splits))))
    write_provenance(raw, rows, source=source, revision=commit and "main", commit=commit)
    data = load_params(REPOSITORY).data
    counts, decided = prepare_rows(
        raw, target, published=Path("data/prepared"), data=data, benchmarks=[], workers=1
    )
    write_json(root / "data/prepared.record.json", summarise(counts) | decided)


def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(root)
    card_main()
    return (root / "data/card/README.md").read_text(encoding="utf-8")


def test_a_hub_datasets_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = dict(good_splits(9))
    splits["train"][2]["answer"] = FENCE
    splits["train"][0]["source"] = "docs/a|b.ipynb"
    prepared(tmp_path, splits, "org/name", "c" * 40)
    page = run(tmp_path, monkeypatch)
    assert f"https://huggingface.co/datasets/org/name/tree/{'c' * 40}" in page
    assert "| **rows** | 9 | 9 | 9 | 27 | 100.0% |" in page
    assert "| qa | 3 | 3 | 3 | 9 | 33.3% |" in page
    assert "| multimodal | 3 | 3 | 3 | 9 | 33.3% |" in page
    assert "| primitives_and_execution | 3 | 3 | 3 | 9 | 33.3% |" in page
    assert "| `docs/circuits.ipynb` | 26 |" in page
    assert "## Generation" not in page
    data: Any = DatasetCard(page).data
    assert (data.source_datasets, data.license, data.size_categories) == (
        ["org/name"],
        "other",
        "n<1K",
    )
    assert [file["split"] for file in data.configs[0]["data_files"]] == list(SPLITS)
    shown = re.findall(r"!\[.*\]\((images/.*)\)", page)
    assert len(shown) == 1
    with Image.open(tmp_path / "data/card" / shown[0]) as picture:
        assert picture.size == (96, 64)
    # Rendered, a row's text stays text and the table keeps its cells.
    html = MarkdownIt("commonmark").enable("table").render(page)
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; | a pipe" in html
    assert html.count("<h3") == 3
    assert "docs/a|b.ipynb" in html
    assert run(tmp_path, monkeypatch) == page


def test_a_generated_datasets_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(tmp_path, dict(good_splits(3)), "synthetic")
    split = {"rows": 3, "pictures": 2, "needs_image": 1, "family": {"ghz": 1, "build": 2}}
    rejected = {"duplicate": {"ghz": 4}, "wrong_answer": {"bell": 1}}
    generation = {
        "seed": 42,
        "generator": "0123456789ab",
        "versions": {"qiskit": "2.4.2"},
        "splits": {
            "train": split | {"rejected": rejected},
            "validation": split | {"rejected": {}},
            "test": split | {"rejected": {"duplicate": {"ghz": 1}}},
        },
    }
    write_json(tmp_path / "data/raw/generation.json", generation)
    page = run(tmp_path, monkeypatch)
    assert "| seed | 42 |" in page
    assert "`0123456789ab`" in page
    assert "qiskit 2.4.2" in page
    assert "6 rows have a picture; 3 of them cannot be answered without it" in page
    assert "| family | train | validation | test | duplicate | wrong_answer |" in page
    assert "| **all** | 3 | 3 | 3 | 5 | 1 |" in page
    assert "| ghz | 1 | 1 | 1 | 5 | 0 |" in page
    assert "| bell | 0 | 0 | 0 | 0 | 1 |" in page
    assert "Apache-2.0" in page
    data: Any = DatasetCard(page).data
    assert (data.source_datasets, data.license) == (None, "apache-2.0")
    assert "share their source" not in page


def test_examples_are_of_every_category_both_modalities_and_all_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    categories = ("circuits_and_gates", "quantum_info_and_operators", "algorithms_and_applications")
    rows = good_rows(90)
    for number, row in enumerate(rows):
        row["category"] = categories[number // 3 % 3]
    prepared(tmp_path, dict(good_splits(3)) | {"train": rows}, "../local")
    monkeypatch.chdir(tmp_path)
    samples: list[PreparedSample] = read_prepared(Path("data/prepared/train.jsonl"))
    chosen = pick_examples(samples)
    assert Counter(sample["category"] for sample in chosen) == dict.fromkeys(categories, 2)
    assert {sample["type"] for sample in chosen} == {"function_completion", "code_generation", "qa"}
    assert sum(sample["multimodal"] for sample in chosen) == 3
    assert [sample["id"] for sample in pick_examples(samples)] == [s["id"] for s in chosen]


def test_without_what_it_is_made_of_the_stage_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        StageError, match=r"data/prepared.record.json not found; run the stage that makes it"
    ):
        card_main()
    assert not Path("data/card").exists()
