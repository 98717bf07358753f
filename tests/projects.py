"""What tests of whole projects share: an environment of a project's own, and commands run in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def own_environment(home: Path) -> dict[str, str]:
    """This process's, with the home and the caches in `home` and the tests' interpreter first."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "KETUNE_CACHE": str(home / "cache"),
        "DVC_SITE_CACHE_DIR": str(home / "site"),
    }


def run_in(
    root: Path, environment: dict[str, str], *command: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command in `root`; with `check` one that fails fails the test with what it said."""
    result = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    if check and result.returncode:
        pytest.fail(
            f"{' '.join(command)} exited {result.returncode}\n"
            f"{result.stdout[-4000:]}\n{result.stderr[-4000:]}"
        )
    return result
