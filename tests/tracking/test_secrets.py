"""The search for planted credentials finds them wherever DVC and git keep what they are given."""

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tracking.secrets import TOKENS, assert_no_secret

LINE = f"{{'env': {TOKENS!r}}}".encode()


def _commit(root: Path) -> None:
    """Commit a file that holds them, and remove it again from the work tree."""
    (root / "file").write_bytes(LINE)
    author = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for command in (("init", "-q"), ("add", "file"), (*author, "commit", "-qm", "m")):
        subprocess.run(["git", *command], cwd=root, check=True)
    (root / "file").unlink()


@pytest.mark.parametrize(
    "leak",
    [
        lambda root: (root / "file").write_bytes(LINE),
        *(lambda root, n=n: (root / "f").write_bytes(base64.b64encode(LINE[n:])) for n in range(3)),
        _commit,
    ],
)
def test_a_leak_is_found(leak: Callable[[Path], object], tmp_path: Path) -> None:
    assert_no_secret(tmp_path, at_least=0)
    leak(tmp_path)
    with pytest.raises(AssertionError, match="a planted credential is in"):
        assert_no_secret(tmp_path)


def test_a_search_of_nothing_is_no_search(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        assert_no_secret(tmp_path)
