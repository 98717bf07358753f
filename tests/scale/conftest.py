"""One process, as the measure of all others, and variants of it that must train the same."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ketune.models.locate import locate_model
from ketune.params import Params, load_params
from ketune.training.arguments import training_arguments
from ketune.training.processes import keep_global_batch
from tests.training.forks import lengthen
from tests.training.workspace import Workspace

PLUGINS = Path(__file__).parent / "plugins"
# Rows an optimiser step. Six of one step are never all without an image here, of one rank they are.
BATCH = 6
EVAL_BATCH = 3  # of 8 rows: the last batch is short, and of two processes one has none left


def prepare(root: Path) -> Workspace:
    """A workspace whose rows differ in length, and whose training has no chance in it."""
    workspace = Workspace(root)
    workspace.set(
        per_device_train_batch_size=BATCH,
        per_device_eval_batch_size=EVAL_BATCH,
        lora_dropout=0.0,
    )
    for split in ("train", "validation"):
        lengthen(workspace, split)
    return workspace


def losses(directory: Path) -> list[float]:
    """Every loss and eval_loss that a run logged, in order."""
    rows = [json.loads(line) for line in (directory / "logging.jsonl").read_text().splitlines()]
    return [row[name] for row in rows for name in ("loss", "eval_loss") if name in row]


@dataclass(frozen=True)
class Variants:
    """Finished runs of `swift sft`, each in a directory of `root`."""

    root: Path

    def losses(self, name: str) -> list[float]:
        return losses(self.root / name)


@pytest.fixture(scope="session")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Variants:
    """single (padded, sdpa), padding_free (flash attention's interface), fsdp, fsdp_resumed."""
    root = tmp_path_factory.mktemp("variants") / "w"
    prepare(root)
    params = load_params(root)
    home = Path.cwd()
    os.chdir(root)
    try:
        model = locate_model(params.model, params.model_revision)
    finally:
        os.chdir(home)

    def lines(name: str, resume: str | None, *plugins: str, **changes: Any) -> list[list[str]]:
        changed = keep_global_batch(_with_plugins(params, plugins, changes))
        out, checkpoint = Path(name), None if resume is None else Path(resume)
        return [training_arguments(changed, model, out, checkpoint)] * changed.nproc_per_node

    flash = {"attn_impl": "flash_attention_2"}
    sharded = {"fsdp": "fsdp2", "nproc_per_node": 2, "gradient_checkpointing": True}
    runs = {
        "single": lines("single", None),
        "padding_free": lines("padding_free", None, "flash_stand_in", padding_free=True, **flash),
        "fsdp": lines("fsdp", None, "fsdp_on_cpu", **sharded),
        "fsdp_resumed": lines("fsdp_resumed", "fsdp/checkpoint-2", "fsdp_on_cpu", **sharded),
    }
    (root / "runs.json").write_text(json.dumps(runs))
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    environment["PYTHONPATH"] = str(home)
    result = subprocess.run(
        [sys.executable, "-m", "tests.scale.forked", "runs.json"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    logs = "\n".join(path.read_text()[-2000:] for path in sorted(root.glob("*.log")))
    assert result.returncode == 0, result.stderr[-2000:] + logs
    return Variants(root)


def _with_plugins(params: Params, plugins: tuple[str, ...], changes: dict[str, Any]) -> Params:
    paths = [str(PLUGINS / f"{plugin}.py") for plugin in plugins]
    update = changes | {"external_plugins": [*params.external_plugins, *paths]}
    return params.model_copy(update=update)
