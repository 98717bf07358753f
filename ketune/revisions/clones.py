"""A throw-away clone of this repository at a commit, in which that commit's own code runs."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ketune.revisions.experiments import git
from ketune.runtime import StageError


@contextmanager
def clone_of(commit: str) -> Iterator[Path]:
    """A clone with the commit checked out and this repository's DVC cache, gone after the block."""
    here = Path(git("rev-parse", "--show-toplevel").strip())
    with tempfile.TemporaryDirectory(prefix="ketune-") as folder:
        clone = Path(folder) / "clone"
        for command in (
            ["git", "clone", "--quiet", "--shared", "--no-checkout", str(here), str(clone)],
            ["git", "-C", str(clone), "checkout", "--quiet", "--detach", commit],
        ):
            _run(command, here)
        cache = run_module("dvc", "cache", "dir", clone=here).strip()
        run_module("dvc", "cache", "dir", "--local", cache, clone=clone)
        yield clone


def run_module(module: str, *arguments: str, clone: Path, quiet: bool = True) -> str:
    """What `python -m module` says in the clone, or nothing where its words go to stderr at once.

    Raises StageError when it fails.
    """
    return _run([sys.executable, "-m", module, *arguments], clone, quiet=quiet)


def commit_all(clone: Path, message: str) -> None:
    """Commit the clone's working tree."""
    for command in (["add", "--all"], ["commit", "--quiet", "--no-verify", "-m", message]):
        _run(["git", *command], clone)


def _run(command: list[str], directory: Path, *, quiet: bool = False) -> str:
    # The clone's own code runs, and its stages find this interpreter as `python`.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(directory)}
    identity = {"NAME": "ketune", "EMAIL": "ketune@localhost"}
    for kind in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{kind}_{key}": value for key, value in identity.items()}
    result = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE if quiet else sys.stderr,  # stdout is the comment's
        text=True,
        check=False,
    )
    if result.returncode:
        raise StageError(f"`{' '.join(command[:6])}` failed in a clone at {directory}; see above")
    return result.stdout or ""
