"""Credentials planted in the environment of a run, and a search of everything that it wrote."""

import base64
import hashlib
import subprocess
from pathlib import Path

# Not spelt out: projects under test hold this file too.
_SECRET = hashlib.sha256(b"planted").hexdigest().encode()
TOKENS = {
    name: f"{name.lower()}-{_SECRET.decode()}"
    for name in (
        "WANDB_API_KEY",
        "HF_TOKEN",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "OPENAI_API_KEY",
    )
}
# As it is, and within base64 (DVC's queue keeps its messages so), at each of three offsets.
_FORMS = [_SECRET, *(base64.b64encode(bytes(n) + _SECRET)[4:-4] for n in range(3))]


def assert_no_secret(*roots: Path, at_least: int = 30) -> None:
    """Assert that no file under `roots`, nor an object of a git repository there, holds one.

    `at_least` so many files must be there to search.
    """
    searched = 0
    for root in roots:
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                searched += 1
                assert not _holds(path.read_bytes()), f"a planted credential is in {path}"
            elif path.name == ".git" and path.is_dir():
                _search_objects(path)
    assert searched >= at_least


def _search_objects(directory: Path) -> None:
    listing = ["git", "cat-file", "--batch-all-objects", "--batch"]
    objects = subprocess.run(listing, cwd=directory, capture_output=True, check=True).stdout
    assert b" commit " in objects
    assert not _holds(objects), f"a planted credential is in an object of {directory}"


def _holds(content: bytes) -> bool:
    return any(form in content for form in _FORMS)
