"""Small datasets in the published schema, written by the `datasets` library itself."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Dataset, DatasetDict, Features, Image, Value
from PIL import Image as Pillow
from ruamel.yaml import YAML

from ketune.dataset.pipeline import prepare_rows
from ketune.dataset.statistics import summarise
from ketune.params import Benchmark, load_params
from ketune.sources.sources import locate_directory, write_raw

REPOSITORY = Path(__file__).resolve().parents[2]

TEXT = ("question", "answer", "category", "type", "test_code", "entry_point", "source")
FEATURES = Features({name: Value("string") for name in TEXT} | {"image": Image()})

Row = dict[str, Any]
Splits = Mapping[str, list[Row]]


def picture(seed: int, size: tuple[int, int] = (96, 64), mode: str = "RGB") -> Pillow.Image:
    """A picture whose pixels depend on `seed`."""
    return Pillow.linear_gradient("L").rotate(seed * 7).resize(size).convert(mode)


def encode(image: Pillow.Image, kind: str = "PNG") -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def completion_row(number: int = 0) -> Row:
    """A valid function_completion row."""
    return {
        "question": (
            "from qiskit import QuantumCircuit\n\n"
            f"def circuit_{number}(n: int) -> QuantumCircuit:\n"
            f'    """Return a circuit of n qubits with {number} Hadamard gates."""\n'
            "    pass"
        ),
        "answer": (
            f"    circuit = QuantumCircuit(n)\n    circuit.h([0] * {number})\n    return circuit"
        ),
        "category": "circuits_and_gates",
        "type": "function_completion",
        "test_code": "def check(candidate):\n    assert candidate(1).num_qubits == 1",
        "entry_point": f"circuit_{number}",
        "source": "docs/circuits.ipynb",
        "image": None,
    }


def generation_row(number: int = 0) -> Row:
    """A valid code_generation row with an image."""
    return completion_row(number) | {
        "question": f"Write make_{number}() that builds the circuit shown.",
        "answer": f"def make_{number}():\n    return {number}",
        "category": "primitives_and_execution",
        "type": "code_generation",
        "test_code": f"def test_value():\n    assert make_{number}() == {number}",
        "entry_point": f"make_{number}",
        "image": {"bytes": encode(picture(number)), "path": f"figure-{number}.png"},
    }


def qa_row(number: int = 0) -> Row:
    """A valid qa row; its code columns are null for odd numbers and empty for even ones."""
    absent = None if number % 2 else ""
    return completion_row(number) | {
        "question": f"What does ⟨0|H|0⟩ equal, case {number}?",
        "answer": "It equals $1/\\sqrt{2}$.",
        "category": "quantum_info_and_operators",
        "type": "qa",
        "test_code": absent,
        "entry_point": absent,
    }


def good_rows(count: int, first: int = 0) -> list[Row]:
    """`count` valid rows, cycling through the three types."""
    makers = (completion_row, generation_row, qa_row)
    return [makers[number % 3](number) for number in range(first, first + count)]


def good_splits(count: int = 6) -> Splits:
    """Three splits of valid rows without a row in common."""
    return {
        "train": good_rows(count),
        "validation": good_rows(count, first=300),
        "test": good_rows(count, first=600),
    }


def dataset(rows: list[Row]) -> Dataset:
    """Rows as a Dataset with the published features."""
    columns = {name: [row[name] for row in rows] for name in (*TEXT, "image")}
    return Dataset.from_dict(columns, features=FEATURES)


def write_parquet(directory: Path, splits: Splits, shards: int = 1) -> Path:
    """`{split}-00000-of-0000N.parquet` files, as `push_to_hub` names them."""
    directory.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        for index in range(shards):
            name = f"{split}-{index:05d}-of-{shards:05d}.parquet"
            part = dataset(rows).shard(shards, index, contiguous=True)
            part.to_parquet(directory / name)
    return directory


def write_table(path: Path, rows: list[Row]) -> None:
    """One parquet file by pyarrow alone, for rows that `datasets` would refuse to encode."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([(name, pa.string()) for name in TEXT] + [("image", image)])
    pq.write_table(pa.Table.from_pylist(rows, schema), path)


def write_arrow(directory: Path, splits: Splits) -> Path:
    """What `save_to_disk` writes."""
    DatasetDict({split: dataset(rows) for split, rows in splits.items()}).save_to_disk(directory)
    return directory


def raw_of(directory: Path, splits: Splits) -> Path:
    """data/raw of rows, made under `directory`."""
    source, raw = directory / "source", directory / "raw"
    source.mkdir(parents=True)
    raw.mkdir()
    for split, rows in splits.items():
        write_table(source / f"{split}-0.parquet", rows)
    write_raw(raw, locate_directory(str(source)))
    return raw


def prepare(
    raw: Path,
    directory: Path,
    workers: int = 1,
    benchmarks: Sequence[Benchmark] = (Benchmark(name="dataset"),),
    **changes: object,
) -> dict[str, Any]:
    """Prepare `raw` into `directory` with the repository's parameters, `data.*` changed; returns
    what data/prepared.record.json would say."""
    directory.mkdir()
    counts, decided = prepare_rows(
        raw,
        directory,
        published=Path("data/prepared"),
        data=load_params(REPOSITORY).data.model_copy(update=changes),
        benchmarks=benchmarks,
        workers=workers,
    )
    return summarise(counts) | decided


def workspace(root: Path, source: str | Path, **changes: object) -> Path:
    """A directory with the repository's parameters, `data.source` set to `source`, and the test
    split as the only benchmark."""
    root.mkdir(parents=True, exist_ok=True)
    yaml = YAML()
    params = yaml.load(REPOSITORY / "params.yaml")
    params["data"] |= {"source": str(source)} | changes
    params["benchmarks"] = [{"name": "dataset"}]
    yaml.dump(params, root / "params.yaml")
    return root


def run_stage(root: Path, stage: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m stages.<stage>` in `root`, as the graph runs it."""
    return subprocess.run(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "KETUNE_DATA_ONLY": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
