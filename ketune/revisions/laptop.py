"""Results of a commit at laptop scale, as a DVC experiment of this repository."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ketune.revisions.experiments import Experiment, find, git, is_complete
from ketune.runtime import StageError

_PROFILE = "smoke"


def laptop_run(commit: str) -> Experiment | None:
    """The finished experiment that `make_laptop_run` made of a commit, else None."""
    found = find(_name(commit))
    return found if found and found.baseline == commit and is_complete(found, "report") else None


def make_laptop_run(commit: str) -> Experiment:
    """Run the commit's own graph at laptop scale, in a clone, and keep the experiment here.

    Stages that ran before on the same inputs come from this repository's run cache.

    Raises StageError when the graph fails.
    """
    here = Path(git("rev-parse", "--show-toplevel").strip())
    with tempfile.TemporaryDirectory(prefix="ketune-pr-") as folder:
        clone = Path(folder) / "clone"
        for command in (
            ["git", "clone", "--quiet", "--shared", "--no-checkout", str(here), str(clone)],
            ["git", "-C", str(clone), "checkout", "--quiet", "--detach", commit],
        ):
            _run(command, here)
        cache = _run([sys.executable, "-m", "dvc", "cache", "dir"], here, quiet=True).strip()
        _run([sys.executable, "-m", "dvc", "cache", "dir", "--local", cache], clone, quiet=True)
        profile = [sys.executable, "-m", "ketune", "profile", _PROFILE, "--flags"]
        flags = _run(profile, clone, quiet=True).split()
        name = _name(commit)
        _run([sys.executable, "-m", "dvc", "exp", "run", "--name", name, *flags], clone)
        _run(["git", "fetch", "--quiet", str(clone), "+refs/exps/*:refs/exps/*"], here)
    made = laptop_run(commit)
    if made is None:
        raise StageError(f"{commit[:9]}: the run left no results of its stages")
    return made


def _name(commit: str) -> str:
    return f"{_PROFILE}-{commit[:9]}"


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
