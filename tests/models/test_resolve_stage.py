"""DVC sees an edit of a local model's files, and only then resolves it again."""

import json
import shutil
from pathlib import Path

from tests.dataset.test_source_stage import stages_run
from tests.projects import own_environment, run_in
from tests.training.workspace import TINY, Workspace

GRAPH = """
stages:
  resolve:
    cmd: python -m stages.resolve
    params: [model, model_revision, use_cpu, attn_impl]
    outs:
    - models/base.json: {cache: false}
    - models/base: {cache: false, persist: true}
"""


def test_an_edit_of_a_local_model_is_seen(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    root, model = workspace.root, tmp_path / "model"
    shutil.copytree(TINY, model)
    workspace.set(model=str(model), model_revision="main")
    (root / "dvc.yaml").write_text(GRAPH)
    environment = own_environment(tmp_path)
    for command in ("git init -q", "dvc init -q"):
        run_in(root, environment, *command.split())

    def dvc(command: str) -> str:
        return run_in(root, environment, "dvc", command).stdout

    assert stages_run(dvc("repro")) == ["resolve"]
    first = json.loads((root / "models/base.json").read_text())
    assert stages_run(dvc("repro")) == []
    (model / "config.json").write_text((model / "config.json").read_text() + "\n")
    assert "models/base" in dvc("status")
    assert stages_run(dvc("repro")) == ["resolve"]
    assert json.loads((root / "models/base.json").read_text())["digest"] != first["digest"]
