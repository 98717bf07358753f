"""The command `ketune` as a shell runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("words", [["profile", "smoke", "--flags"], []])
@pytest.mark.parametrize("flags", [[], ["-u"]])
def test_a_reader_that_goes_ends_it_without_a_word(words: list[str], flags: list[str]) -> None:
    """As in `ketune … | head -0`, with a pipe whose reading end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    result = subprocess.run(
        [sys.executable, *flags, "-m", "ketune", *words],
        cwd=ROOT,
        env=environment,
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)
    assert (result.returncode, result.stderr) == (141, b"")


def test_an_error_is_one_line() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "ketune", "profile", "nope"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "error: no profile 'nope'; use one of: full, smoke\n"


@pytest.mark.parametrize("tool", ["compare", "runs", "pr", "reference", "study"])
def test_an_install_for_scoring_alone_says_what_a_tool_needs(tool: str) -> None:
    without = "import sys; sys.modules.update(dict.fromkeys(('dvc', 'torch', 'matplotlib')))\n"
    result = subprocess.run(
        [
            *(sys.executable, "-c"),
            f"{without}sys.argv[1:] = [{tool!r}, '--help']\nfrom ketune.cli import main\nmain()",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:  # a tool that needs none of them works
        assert result.stderr.startswith(f"error: ketune {tool} needs ")
        assert result.stderr.count("\n") == 1
