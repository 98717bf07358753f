"""A checkpoint is gone on from when it is whole, and only then."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketune.swift.checkpoints import SEAL, defect, last_checkpoint, saved_step, seal

FILES = ("adapter_model.safetensors", "optimizer.pt", "rng_state.pth", "scheduler.pt")


def checkpoint(run: Path, name: str, best: str | None = None, *, sealed: bool = True) -> Path:
    path = run / name
    (path / "global_step").mkdir(parents=True)
    for file in (*FILES, "global_step/zero_states.pt"):
        (path / file).write_bytes(os.urandom(64))
    best = None if best is None else str(run / best)
    (path / "trainer_state.json").write_text(json.dumps({"best_model_checkpoint": best}))
    if sealed:
        seal(path)
    return path


def test_the_latest_whole_one_is_taken_and_the_broken_are_removed_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert last_checkpoint(tmp_path) is None
    assert saved_step(tmp_path) is None
    checkpoint(tmp_path, "checkpoint-4")
    whole = checkpoint(tmp_path, "checkpoint-8")
    checkpoint(tmp_path, "checkpoint-16", sealed=False)
    (tmp_path / "checkpoint-100").mkdir()
    (tmp_path / "last-checkpoint").symlink_to("checkpoint-16")
    assert saved_step(tmp_path) == 8
    assert last_checkpoint(tmp_path) == whole
    assert capsys.readouterr().out == (
        "checkpoint-100 is left out: it was not written to its end\n"
        "checkpoint-16 is left out: it was not written to its end\n"
    )
    assert {path.name for path in tmp_path.glob("checkpoint-*")} == {"checkpoint-4", "checkpoint-8"}


def test_one_saved_on_request_counts_as_well(tmp_path: Path) -> None:
    checkpoint(tmp_path, "checkpoint-8")
    apart = checkpoint(tmp_path, "interrupted-9")
    assert last_checkpoint(tmp_path) == apart
    scheduled = checkpoint(tmp_path, "checkpoint-9")
    assert last_checkpoint(tmp_path) == scheduled


@given(data=st.data())
def test_any_damage_is_seen(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    run = tmp_path_factory.mktemp("run")
    first, last = checkpoint(run, "checkpoint-2"), checkpoint(run, "checkpoint-4")
    name = data.draw(st.sampled_from([*FILES, "global_step/zero_states.pt", "trainer_state.json"]))
    content = bytearray((last / name).read_bytes())
    damage = data.draw(st.sampled_from(["truncated", "zeros at the end", "a bit", "missing"]))
    if damage == "missing":
        (last / name).unlink()
    else:
        cut = data.draw(st.integers(0, len(content) - 1))
        if damage == "truncated":
            content = content[:cut]
        elif damage == "zeros at the end":  # what a journal leaves of blocks that were not written
            content[cut:] = bytes(b ^ b for b in content[cut:-1]) + bytes([content[-1] ^ 1])
        else:
            content[cut] ^= 1 << data.draw(st.integers(0, 7))
        (last / name).write_bytes(content)
    assert name in str(defect(last))
    assert last_checkpoint(run) == first


def test_a_run_cannot_go_on_without_its_best_checkpoint(tmp_path: Path) -> None:
    best = checkpoint(tmp_path, "checkpoint-2")
    later = checkpoint(tmp_path, "checkpoint-4", best="checkpoint-2")
    assert defect(later) is None
    (best / "adapter_model.safetensors").write_bytes(b"half")
    assert defect(later) == "the best checkpoint before it, checkpoint-2, is not whole"
    assert last_checkpoint(tmp_path) is None


@pytest.mark.parametrize("seal_text", ["", '{"adapter_mod', '{"adapter_model.safetensors": [64'])
def test_half_a_seal_is_none(tmp_path: Path, seal_text: str) -> None:
    path = checkpoint(tmp_path, "checkpoint-2")
    (path / SEAL).write_text(seal_text)
    assert defect(path) == f"its {SEAL} is damaged"
