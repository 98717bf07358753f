from pathlib import Path
from typing import Any

import pytest

from ketune.params import Params, load_params

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def full() -> Params:
    """The recommended configuration."""
    return load_params(ROOT)


def changed(params: Params, **changes: Any) -> Params:
    """Parameters with some top-level keys replaced, checked again."""
    return Params.model_validate(params.model_dump() | changes)
