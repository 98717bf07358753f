"""The shipped tiny base model."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def asset() -> str:
    return str(Path(__file__).parents[1] / "assets" / "tiny-qwen3-vl")
