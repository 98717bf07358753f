"""dvc.yaml names the code that evaluation's stages run: no result of older code is served."""

import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from tests.evaluate.project import REPOSITORY

# What every stage shares, and what DVC watches as parameters.
PLUMBING = (
    *("stages/__init__.py", "ketune/runtime.py", "ketune/scratch.py", "ketune/params/"),
    *("ketune/completions/__init__.py", "ketune/dataset/__init__.py", "ketune/tasks/kinds.py"),
)
LOADED = """
import importlib, sys
importlib.import_module(sys.argv[1])
for name, module in sorted(sys.modules.items()):
    if name.partition(".")[0] == "stages":
        print(module.__file__)
"""


@pytest.mark.parametrize("stage", ["calibrate", "evaluate", "report"])
def test_a_stage_depends_on_the_code_it_imports(stage: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", LOADED, f"stages.{stage}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = [line.removeprefix(f"{REPOSITORY}/") for line in result.stdout.splitlines()]
    graph = YAML(typ="safe", pure=True).load(REPOSITORY / "dvc.yaml")
    tracked = graph["stages"][stage]["deps"]
    unwatched = [
        path
        for path in loaded
        if not path.startswith(PLUMBING)
        and not any(path == dep or path.startswith(f"{dep}/") for dep in tracked)
    ]
    assert unwatched == []
