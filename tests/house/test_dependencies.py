"""dvc.yaml names, for every stage, the code that it can import and no other."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.house.imports import REPOSITORY, modules, reachable

STAGES: dict[str, Any] = YAML(typ="safe", pure=True).load(REPOSITORY / "dvc.yaml")["stages"]
# They hand over what params.yaml says, and repeat the paths of dvc.yaml, both of which DVC tracks
# (tests/params, test_paths.py): a change in them can refuse a run, not change what it makes.
TRACKED_OTHERWISE = (
    *("ketune/params/__init__.py", "ketune/params/load.py", "ketune/params/schema.py"),
    *("ketune/params/baselines.py", "ketune/params/override.py", "ketune/paths.py"),
)
# Of a room that is loaded by path or in a process of its own: whole.
LOADED_BY_PATH = {
    "ketune/models/plugins": "ketune/models/settle.py",
    "ketune/judge": "ketune/judge/pool.py",
    "ketune/training/worker.py": "ketune/training/processes.py",
}


def definition(stage: str) -> dict[str, Any]:
    found: dict[str, Any] = STAGES[stage].get("do", STAGES[stage])
    return found


def module_of(stage: str) -> str:
    command: str = definition(stage)["cmd"]
    return command.split()[2].replace(".", "/") + ".py"


def watched(stage: str) -> set[str]:
    code = [dep for dep in definition(stage)["deps"] if dep.startswith(("ketune", "stages"))]
    return {path for dep in code for path in modules(dep)}


@cache
def used(stage: str) -> set[str]:
    found = set(reachable(module_of(stage)))
    for room, loader in LOADED_BY_PATH.items():
        if loader in found:
            found |= modules(room)
            for path in modules(room):
                found |= reachable(path)
    return {
        path for path in found if path in modules(path) and not path.startswith(TRACKED_OTHERWISE)
    }


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_the_code_it_can_import(stage: str) -> None:
    assert sorted(watched(stage)) == sorted(used(stage))


def test_stages_holds_a_module_a_stage_and_nothing_else() -> None:
    there = {path.name for path in (REPOSITORY / "stages").glob("*.py")} - {"__init__.py"}
    assert there == {Path(module_of(stage)).name for stage in STAGES}
    for path in sorted(there):
        found = reachable(f"stages/{path}") - {f"stages/{path}", "stages/__init__.py"}
        assert not [other for other in found if other.startswith("stages/")], path


def test_a_key_stands_once_in_a_stage() -> None:
    for name in STAGES:
        keys: list[str] = []
        for entry in definition(name).get("params", []):
            keys += [entry] if isinstance(entry, str) else entry.get("params.yaml") or []
        assert len(keys) == len(set(keys)), name
