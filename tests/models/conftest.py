import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.training.conftest import full
from tests.training.forks import Forks
from tests.training.workspace import Workspace

__all__ = ["full"]

BASE = "base"  # where tests/models/models.py writes


class BaseModel:
    """A workspace whose base model is one of tests/models/models.py."""

    def __init__(self, root: Path, name: str, forks: Forks, changes: dict[str, object]) -> None:
        self.workspace = Workspace(root)
        self.root, self.base = root, root / BASE
        self._forks = forks
        self.base.mkdir()
        self.run(f"tests.models.models:{name}")
        smoke = {"model": BASE, "model_revision": "main", "external_plugins": []}
        self.workspace.set(**smoke | {"template": "auto"} | changes)

    def run(self, function: str) -> str:
        """What a function (MODULE:NAME) prints in a process of its own, in the workspace.

        Raises AssertionError with that when it raises.
        """
        return self._forks.run(self.workspace, function)

    def drop_images(self) -> None:
        """Make every prepared row text alone."""
        for path in (self.root / "data/prepared").glob("*.jsonl"):
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            for row in rows:
                row["messages"][0]["content"] = row["messages"][0]["content"].replace("<image>", "")
                row |= {"images": [], "multimodal": False}
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))


Make = Callable[..., BaseModel]


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """Makes base models with a workspace each, with changes of profile smoke."""
    with Forks() as forks:

        def build(name: str, **changes: object) -> BaseModel:
            root = tmp_path_factory.mktemp(name) / "workspace"
            return BaseModel(root, name, forks, changes)

        yield build
