"""A clone of the repository in which real experiments run, smaller still than profile smoke."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ketune.params.profile import overrides, profile_changes
from tests.projects import own_environment, run_in

REPOSITORY = Path(__file__).parents[2]
SMALL = {
    **profile_changes("smoke", REPOSITORY),
    "data.synthetic_train": 32,
    "data.synthetic_validation": 16,
    "data.synthetic_test": 24,
    "eval_steps": 4,
    "save_steps": 4,
    "generation.max_new_tokens": 48,
}


@dataclass(frozen=True)
class Clone:
    """A clone with its own home, so that no cache of the user's is read or written."""

    root: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """That of the clone's commands, which is this process's but for what is the clone's own."""
        author = {"NAME": "t", "EMAIL": "t@example.org"}
        roles = ("GIT_AUTHOR", "GIT_COMMITTER")
        names = {f"{role}_{key}": value for role in roles for key, value in author.items()}
        return own_environment(self.home) | names

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone."""
        return run_in(self.root, self.environment, *command, check=check)

    def experiment(self, **changes: Any) -> subprocess.CompletedProcess[str]:
        """`dvc exp run` at test scale; keyword names use __ for a dot."""
        settings = SMALL | {key.replace("__", "."): value for key, value in changes.items()}
        sets = [part for change in overrides(settings) for part in ("-S", change)]
        return self.run("dvc", "exp", "run", *sets)


def clone_work_tree(directory: Path) -> Clone:
    """A git repository with the work tree's files, committed."""
    root, home = directory / "ketune", directory / "home"
    home.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        source = REPOSITORY / name
        if name and source.is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, root / name)
    clone = Clone(root, home)
    clone.run("git", "init", "-q", "-b", "main")
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "work tree")
    return clone


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return clone_work_tree(tmp_path)


@pytest.fixture(scope="module")
def shared_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return clone_work_tree(tmp_path_factory.mktemp("graph"))
