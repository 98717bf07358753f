"""What one edit makes stale: on a recorded graph, `dvc status` names stages that import it."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from tests.house.imports import REPOSITORY, modules
from tests.house.test_dependencies import STAGES, module_of, used
from tests.projects import own_environment, run_in

# A file of each room, and what else a user edits.
ROOMS = sorted(path for path in (REPOSITORY / "ketune").iterdir() if path.name[0] not in "_.")
FIGURES = {"report", "evaluate", "evaluate_baseline"}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graph with a command for every stage that only makes its outs, run once."""
    root = tmp_path_factory.mktemp("graph")
    for name in ("ketune", "stages", "baselines", "profiles"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, root / name, ignore=ignored)
    for name in ("params.yaml", "published.yaml", "requirements.lock", ".dvcignore"):
        shutil.copy(REPOSITORY / name, root)
    shutil.copytree(
        REPOSITORY / ".dvc", root / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache")
    )
    tree: dict[str, Any] = YAML(typ="safe", pure=True).load(REPOSITORY / "dvc.yaml")
    for stage in tree["stages"].values():
        own = stage.get("do", stage)
        outs = [out for kind in ("outs", "metrics", "plots") for out in own.get(kind, [])]
        paths = [next(iter(out)) if isinstance(out, dict) else out for out in outs]
        own["cmd"] = f"{sys.executable} touch.py {' '.join(paths)}"
    (root / "touch.py").write_text(
        "import sys\nfrom pathlib import Path\n"
        "for path in map(Path, sys.argv[1:]):\n"
        "    folder = path.suffix == ''\n"
        "    (path if folder else path.parent).mkdir(parents=True, exist_ok=True)\n"
        "    if path == Path('data/raw'):\n"
        "        (path / 'source.json').write_text('{}')\n"
        "    if path == Path('data/prepared'):\n"
        "        for split in ('train', 'validation', 'test'):\n"
        "            (path / f'{split}.jsonl').write_text(split)\n"
        "    (path / 'file' if folder else path).write_text('{}')\n"
    )
    with (root / "dvc.yaml").open("w") as file:
        YAML().dump(tree, file)
    environment = own_environment(root / "home")
    (root / "home").mkdir()
    run_in(root, environment, "git", "init", "-q")
    run_in(root, environment, "dvc", "repro")
    return root


def changed(graph: Path) -> set[str]:
    """Stages that `dvc status` calls changed, whatever of theirs has changed."""
    with Repo(str(graph)) as repo:
        return {name.partition("@")[0].rpartition(":")[2] for name in repo.status()}


def edited(graph: Path, path: str) -> set[str]:
    file = graph / path
    before = file.read_bytes()
    file.write_bytes(before + b"\n# edited\n")
    try:
        return changed(graph)
    finally:
        file.write_bytes(before)


def test_nothing_is_stale_at_first(graph: Path) -> None:
    assert changed(graph) == set()


@pytest.mark.parametrize("room", ROOMS, ids=lambda path: str(path.name))
def test_an_edit_in_a_room_touches_only_stages_that_import_it(graph: Path, room: Path) -> None:
    files = sorted(modules(str(room.relative_to(REPOSITORY))))
    path = files[len(files) // 2]
    importers = {stage for stage in STAGES if path in used(stage)}
    assert edited(graph, path) == importers, path


@pytest.mark.parametrize(
    ("path", "fresh"),
    [
        ("ketune/generation/vllm.py", {"train", "merge", "ingest", "prepare", "calibrate"}),
        (
            "ketune/training/arguments.py",
            {"ingest", "prepare", "generate_baseline", "judge_baseline", "evaluate_baseline"},
        ),
        ("ketune/scoring/summary.py", set(STAGES) - FIGURES),
        ("ketune/statistics/estimates.py", set(STAGES) - FIGURES),
        ("ketune/params/schema.py", set(STAGES)),
        ("ketune/commands/compare.py", set(STAGES)),
    ],
)
def test_an_edit_leaves_what_it_cannot_touch_fresh(graph: Path, path: str, fresh: set[str]) -> None:
    assert not edited(graph, path) & fresh


def test_every_stage_is_stale_after_an_edit_of_its_own_module(graph: Path) -> None:
    for module in sorted({module_of(stage) for stage in STAGES}):
        own = {stage for stage in STAGES if module_of(stage) == module}
        assert edited(graph, module) == own
