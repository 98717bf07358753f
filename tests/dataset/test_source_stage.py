"""Editing the rows of a local `data.source` makes ingest run again, and nothing else does."""

import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ketune.sources.raw import raw_file
from tests.dataset.published import (
    REPOSITORY,
    good_rows,
    good_splits,
    run_stage,
    workspace,
    write_parquet,
)
from tests.projects import own_environment, run_in

GRAPH = """
stages:
  source:
    cmd: python -m stages.source
    params: [data.source]
    outs:
    - data/source:
        cache: false
        persist: true
  ingest:
    cmd: python -m stages.ingest
    params: [data.source]
    deps: [data/source]
    outs: [data/raw]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A DVC project of the first two stages, with rows in ./my rows-ü."""
    root = workspace(tmp_path / "project", "./my rows-ü")
    write_parquet(root / "my rows-ü", good_splits(3))
    (root / "dvc.yaml").write_text(GRAPH)
    (root / "data").mkdir()
    shutil.copy(REPOSITORY / "data" / ".gitignore", root / "data" / ".gitignore")
    (root / ".gitignore").write_text("/my rows-ü\n")
    environment = own_environment(tmp_path)
    for command in ("git init -q", "dvc init -q"):
        run_in(root, environment, *command.split())
    return root


def dvc(root: Path, *arguments: str) -> str:
    environment = own_environment(root.parent) | {
        "PYTHONPATH": str(REPOSITORY),
        "KETUNE_DATA_ONLY": "1",
    }
    return run_in(root, environment, "dvc", *arguments).stdout


def stages_run(output: str) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", output)


def questions(root: Path) -> list[str]:
    table = pq.read_table(raw_file(root / "data" / "raw", "train"))
    return list(table["question"].to_pylist())


def test_an_edit_of_the_rows_is_seen_and_nothing_else_runs_ingest(project: Path) -> None:
    assert stages_run(dvc(project, "repro")) == ["source", "ingest"]
    assert "Data and pipelines are up to date" in dvc(project, "repro")
    rows = project / "my rows-ü"
    write_parquet(rows, {"train": good_rows(5, first=900)})
    assert stages_run(dvc(project, "repro")) == ["source", "ingest"]
    assert questions(project) == [row["question"] for row in good_rows(5, first=900)]
    assert "up to date" in dvc(project, "status")
    # Results are there and the rows are not, as on a colleague's machine.
    (project / "data" / "source").unlink()
    rows.rename(project.parent / "away")
    assert "up to date" in dvc(project, "repro", "--allow-missing")
    assert {path.name for path in (project.parent / "away").iterdir()} == {
        f"{split}-00000-of-00001.parquet" for split in ("train", "validation", "test")
    }


def test_the_link_follows_the_parameter(tmp_path: Path) -> None:
    rows = write_parquet(tmp_path / "rows", good_splits(2))
    root = workspace(tmp_path / "work", "../rows")
    link = root / "data" / "source"
    assert run_stage(root, "source").returncode == 0
    assert link.resolve() == rows
    assert not link.readlink().is_absolute()

    params = root / "params.yaml"
    params.write_text(params.read_text().replace("source: ../rows", f"source: {rows}"))
    assert run_stage(root, "source").returncode == 0
    assert link.readlink() == rows

    params.write_text(params.read_text().replace(f"source: {rows}", "source: org/name"))
    assert run_stage(root, "source").returncode == 0
    first = link.read_bytes()
    params.write_text(params.read_text().replace("source: org/name", "source: synthetic"))
    assert run_stage(root, "source").returncode == 0
    assert link.read_bytes() == first
    assert not link.is_symlink()
    assert len(list(rows.iterdir())) == 3


@pytest.mark.parametrize(
    ("source", "problem"), [("./none", "no such directory"), ("..", "holds the repository")]
)
def test_what_cannot_be_linked_is_refused_in_one_line(
    tmp_path: Path, source: str, problem: str
) -> None:
    result = run_stage(workspace(tmp_path / "work", source), "source")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert problem in result.stderr


@pytest.mark.parametrize("name", ["data", "figure.png", ".dvcignore"])
def test_what_dvc_would_not_see_is_refused_and_named(tmp_path: Path, name: str) -> None:
    rows = write_parquet(tmp_path / "rows", good_splits(2))
    if name == ".dvcignore":
        (rows / name).write_text("*.parquet\n")
    else:
        (tmp_path / "elsewhere").mkdir()
        (rows / name).symlink_to("../elsewhere" if name == "data" else "nowhere")
    result = run_stage(workspace(tmp_path / "work", str(rows)), "source")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
    assert f"rows/{name}: " in result.stderr
