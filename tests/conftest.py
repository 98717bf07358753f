"""The order of files over several workers: the longest first, so that none is left for the end."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a busy machine fails no test
settings.load_profile("untimed")

# Files of half a minute and more, on two cores, longest first. The rest follows in its own order.
LONGEST = (
    "graph/test_experiments.py",
    "scale/test_training.py",
    "crash/test_kill.py",
    "training/test_variants.py",
    "crash/test_modes.py",
    "tracking/test_records.py",
    "training/test_stages.py",
    "crash/test_stop.py",
    "judge/test_hostile.py",
    "models/test_stages.py",
    "remote/test_remote.py",
    "studies/test_study.py",
)
_RANK = {Path(__file__).parent / name: rank for rank, name in enumerate(LONGEST)}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort the items that a worker offers; xdist hands files out in that order.

    It needs `--no-loadscope-reorder`: xdist takes files of many tests for long ones otherwise.
    """
    if missing := [path for path in _RANK if not path.is_file()]:
        raise pytest.UsageError(f"{__file__}: LONGEST names {missing[0]}, which is not there")
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _RANK.get(item.path, len(_RANK)))
