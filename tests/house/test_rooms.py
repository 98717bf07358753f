"""Rooms import in one direction: each only from rooms above it in this list."""

from pathlib import Path

import pytest

from tests.house.imports import REPOSITORY, imports

# From what knows nothing of the rest to what uses it. `judge` imports nothing of ours at all.
ROOMS = (
    *("runtime", "paths", "tables", "params", "proxies", "scratch", "judge", "tasks"),
    *("sources", "synthetic", "dataset"),
    *("completions", "verdicts", "calibration"),
    *("devices", "models", "adapters", "swift", "training", "merging", "generation"),
    *("planning",),
    *("statistics", "scoring", "comparison", "reporting", "revisions", "studies"),
    *("commands", "cli", "__main__"),
)
# A room may use one below it for this one thing.
ALLOWED = {("verdicts", "calibration")}  # the record of what a reference took


def room_of(path: str) -> str:
    return Path(path).parts[1].removesuffix(".py")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_from_rooms_above_it(room: str) -> None:
    allowed = {*ROOMS[: ROOMS.index(room) + 1], "__init__"}
    allowed |= {other for own, other in ALLOWED if own == room}
    for path in sorted(REPOSITORY.glob(f"ketune/{room}*")):
        files = [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))
        for file in files:
            used = {room_of(other) for other in imports(str(file.relative_to(REPOSITORY)))}
            assert used <= allowed, f"{file}: imports from {used - allowed}"


def test_every_room_is_in_the_list() -> None:
    there = {path.name.removesuffix(".py") for path in (REPOSITORY / "ketune").glob("[!_]*")}
    assert there - {"__pycache__"} == set(ROOMS) - {"__main__"}


def test_the_judge_imports_nothing_of_ours() -> None:
    for file in (REPOSITORY / "ketune/judge").rglob("*.py"):
        used = {room_of(path) for path in imports(str(file.relative_to(REPOSITORY)))}
        assert used <= {"judge", "__init__"}, file
