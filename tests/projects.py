"""What tests of whole projects share: an environment of a project's own, and commands run in it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from ketune.params.profile import overrides


def write_params(root: Path, changes: Mapping[str, Any]) -> None:
    """Change params.yaml of `root` as `dvc exp run -S` does; keys may be dotted."""
    apply_overrides(str(root / "params.yaml"), overrides(changes))


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
