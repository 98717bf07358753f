"""What the tests of resuming share."""

import json
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.training.workspace import Workspace


def sampling_workspace(root: Path, rows: int, **generation: Any) -> Workspace:
    """A workspace that asks for two samples at a temperature, of `rows` differing questions."""
    workspace = Workspace(root)
    workspace._write_split("test", rows)
    path = root / "data/prepared/test.jsonl"
    samples = [json.loads(line) for line in path.read_text().splitlines()]
    for number, sample in enumerate(samples):
        sample["messages"][0]["content"] += f" Task {number}"
    path.write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    yaml = YAML()
    tree = yaml.load(root / "params.yaml")
    tree["generation"].update({"n_samples": 2, "temperature": 0.8} | generation)
    yaml.dump(tree, root / "params.yaml")
    return workspace


def finished(cache: Path) -> list[str]:
    """The task of every completion in the partial file, less a line that a kill cut off."""
    lines = [
        line
        for path in cache.glob("generate/*/completions.jsonl")
        for line in path.read_text().splitlines(keepends=True)
    ]
    return [json.loads(line)["task_id"] for line in lines if line.endswith("\n")]
