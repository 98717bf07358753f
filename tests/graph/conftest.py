"""A clone of the repository in which real experiments run, smaller still than profile smoke."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tracking.secrets import TOKENS

REPOSITORY = Path(__file__).parents[2]
SMALL = {
    "profile": "smoke",
    "data.synthetic_train": "32",
    "data.synthetic_validation": "16",
    "data.synthetic_test": "24",
    "eval_steps": "4",
    "save_steps": "4",
    "generation.max_new_tokens": "48",
}


@dataclass(frozen=True)
class Clone:
    """A clone with its own home, so that no cache of the user's is read or written."""

    root: Path
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """This process's, with planted credentials, the clone's home and the tests' interpreter."""
        return {
            **os.environ,
            **TOKENS,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "KETUNE_CACHE": str(self.home / "cache"),
            "DVC_SITE_CACHE_DIR": str(self.home / "site"),
            "GIT_AUTHOR_NAME": "t",
            "GIT_AUTHOR_EMAIL": "t@example.org",
            "GIT_COMMITTER_NAME": "t",
            "GIT_COMMITTER_EMAIL": "t@example.org",
        }

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone."""
        result = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and result.returncode:
            pytest.fail(
                f"{' '.join(command)} exited {result.returncode}\n"
                f"{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
            )
        return result

    def experiment(self, **overrides: str) -> subprocess.CompletedProcess[str]:
        """`dvc exp run` at test scale; keyword names use __ for a dot."""
        settings = SMALL | {key.replace("__", "."): value for key, value in overrides.items()}
        sets = [part for key, value in settings.items() for part in ("-S", f"{key}={value}")]
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
