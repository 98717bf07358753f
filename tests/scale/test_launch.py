"""Command lines of several processes and nodes, the global batch, and settings that contradict."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ketune.models.locate import Model
from ketune.params import Params
from ketune.runtime import StageError
from ketune.swift.failures import root_cause
from ketune.training import processes as launch
from ketune.training.arguments import training_arguments
from ketune.training.processes import (
    check_scale,
    global_batch,
    keep_global_batch,
    launcher,
    node_rank,
)
from stages import train
from tests.training.conftest import changed, full
from tests.training.test_arguments import pairs

__all__ = ["full"]
MODEL = Model("models/local", None, "digest")
NODE_1 = {"NODE_RANK": "1", "MASTER_ADDR": "10.0.0.5"}


def test_a_single_process_is_started_as_ever(full: Params) -> None:
    assert launcher(full) == []
    assert keep_global_batch(full) is full


def test_several_processes_are_started_by_torch_on_a_free_port(full: Params) -> None:
    line = launcher(changed(full, nproc_per_node=4))
    assert line[:4] == ["-m", "torch.distributed.run", "--nproc_per_node", "4"]
    assert "--standalone" in line
    assert line[-1].endswith("ketune/training/worker.py")
    sharded = changed(full, deepspeed="zero2_offload")
    assert launcher(sharded)[:4] == ["-m", "torch.distributed.run", "--nproc_per_node", "1"]


def test_nodes_are_numbered_by_the_environment(full: Params) -> None:
    params = changed(full, nnodes=2, nproc_per_node=8)
    line = launcher(params, NODE_1)
    assert " ".join(line[2:-1]) == (
        "--nproc_per_node 8 --nnodes 2 --node_rank 1 --master_addr 10.0.0.5 --master_port 29500"
    )
    assert launcher(params, NODE_1 | {"MASTER_PORT": "1234"})[-2] == "1234"
    assert node_rank(params, NODE_1) == 1
    assert node_rank(full, NODE_1) == 0
    for wrong in ({}, {"NODE_RANK": "1"}, NODE_1 | {"NODE_RANK": "2"}, NODE_1 | {"NODE_RANK": "a"}):
        with pytest.raises(StageError, match=r"nnodes is 2: set NODE_RANK \(0 to 1"):
            node_rank(params, wrong)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(1, 64),
    steps=st.integers(1, 8),
    nproc=st.integers(1, 8),
    nodes=st.integers(1, 3),
)
def test_the_global_batch_is_kept_or_refused(
    full: Params, size: int, steps: int, nproc: int, nodes: int
) -> None:
    keys = {"per_device_train_batch_size": size, "gradient_accumulation_steps": steps}
    params = full.model_copy(update=keys | {"nproc_per_node": nproc, "nnodes": nodes})
    if size * steps % (nproc * nodes):
        with pytest.raises(StageError, match="cannot be split over"):
            keep_global_batch(params)
        return
    split = keep_global_batch(params)
    assert global_batch(split) == size * steps
    assert split.per_device_train_batch_size <= size  # no device holds more than it was said to


def test_accumulation_is_divided_first_and_it_is_said(
    full: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    split = keep_global_batch(changed(full, nproc_per_node=2))
    assert (split.per_device_train_batch_size, split.gradient_accumulation_steps) == (16, 1)
    split = keep_global_batch(changed(full, nproc_per_node=4))
    assert (split.per_device_train_batch_size, split.gradient_accumulation_steps) == (8, 1)
    assert "global batch 32, as with one process: 8 rows" in capsys.readouterr().out


def test_another_number_of_processes_is_another_run(
    full: Params, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/prepared").mkdir(parents=True)
    for name in ("data/prepared/train.jsonl", "data/prepared/validation.jsonl"):
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "requirements.lock").touch()
    keys = [{}, {"nproc_per_node": 2}, {"nnodes": 2}, {"gradient_accumulation_steps": 4}]
    runs = {train._run_key(changed(full, **change), MODEL) for change in keys}
    assert len(runs) == 3  # two processes are two processes, on one machine or on two


CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"deepspeed": "zero2", "fsdp": "fsdp2"}, "deepspeed and fsdp both shard"),
    ({"deepspeed": "zero9"}, "deepspeed: 'zero9' is neither none nor one of zero0"),
    ({"fsdp": "fsdp1"}, "fsdp: 'fsdp1' is neither none nor one of fsdp2"),
    ({"deepspeed": "elsewhere.json"}, "a JSON file of ketune/training/"),
    ({"deepspeed": "zero2"}, "deepspeed is not installed"),
    ({"fsdp": "fsdp2"}, "fsdp shards over processes"),
    ({"fsdp": "fsdp2", "nproc_per_node": 2, "init_weights": "pissa"}, "init_weights pissa reads"),
    ({"fsdp": "fsdp2", "nproc_per_node": 2, "use_dora": True}, "use_dora True reads whole"),
    ({"fsdp": "fsdp2", "use_cpu": True, "nproc_per_node": 2}, "fsdp needs CUDA GPUs"),
    ({"use_liger_kernel": True}, "needs liger-kernel, which is not installed"),
    ({"use_liger_kernel": True, "use_cpu": True}, "use_liger_kernel needs a CUDA GPU"),
    ({"nproc_per_node": 4}, "nproc_per_node is 4 and 2 GPUs are visible"),
    ({"nnodes": 2}, "set NODE_RANK"),
]


@pytest.mark.parametrize(("change", "message"), CONTRADICTIONS)
def test_contradictions_are_one_line_before_anything_loads(
    full: Params, change: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr(launch, "find_spec", lambda _: None)
    with pytest.raises(StageError, match=re.escape(message)) as caught:
        check_scale(changed(full, **change))
    assert "\n" not in str(caught.value)


def test_what_agrees_passes(full: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr(launch, "find_spec", lambda _: object())
    monkeypatch.chdir(tmp_path)
    own = Path("ketune/training/zero.json")
    own.parent.mkdir(parents=True)
    own.write_text('{"zero_optimization": {"stage": 3}}')
    for change in ({}, {"deepspeed": "zero3"}, {"deepspeed": str(own)}, {"fsdp": "fsdp2"}):
        check_scale(changed(full, nproc_per_node=2, use_liger_kernel=True, **change))
    with pytest.raises(StageError, match="use_dora True reads whole weights"):
        check_scale(changed(full, deepspeed=str(own), use_dora=True))
    check_scale(changed(full, use_cpu=True, nproc_per_node=8))
    for text in ("[]", "{", '{"zero_optimization": null}', '{"zero_optimization": {"stage": "3"}}'):
        own.write_text(text)
        with pytest.raises(StageError, match=r"deepspeed: ketune/training/zero\.json"):
            check_scale(changed(full, deepspeed=str(own)))


def test_fsdp_saves_whole_adapters_and_recomputes_by_itself(full: Params, tmp_path: Any) -> None:
    params = changed(full, fsdp="fsdp2", nproc_per_node=2)
    options = pairs(training_arguments(params, MODEL, tmp_path, None))
    assert options["gradient_checkpointing"] == ["false"]
    assert '"activation_checkpointing": true' in options["fsdp"][0]
    assert '"FULL_STATE_DICT"' in options["fsdp"][0]
    assert options["external_plugins"][-1].endswith("mixed_batches.py")
    assert options["ddp_find_unused_parameters"] == ["true"]
    zero = pairs(training_arguments(changed(full, deepspeed="zero3"), MODEL, tmp_path, None))
    assert zero["deepspeed"] == ["zero3"]
    assert zero["gradient_checkpointing"] == ["true"]
    alone = pairs(training_arguments(full, MODEL, tmp_path, None))
    assert not {"fsdp", "deepspeed", "ddp_find_unused_parameters"} & set(alone)


def test_the_rank_that_failed_first_is_heard() -> None:
    log = (
        "loading\n[rank1]: ValueError: the cause\n[rank0]: RuntimeError: Connection reset by peer\n"
        "Root Cause (first observed failure):\n[0]:\n  time : now\n  host : a\n"
        "  rank      : 1 (local_rank: 1)\n  exitcode  : 1\n"
    )
    assert root_cause(log) == "ValueError: the cause"
    assert root_cause("ValueError: alone\n") == "ValueError: alone\n"
