"""Padding-free batches, sharded weights, several processes and nodes train what one process trains.

In one file, so that one worker of the test run makes the variants.
"""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from stages.swift.counts import read_counts
from stages.swift.flops import Training, count_passes, read_architecture
from tests.scale.conftest import Variants, prepare
from tests.swift.workspace import TINY, Workspace

TIMEOUT = 300  # seconds: processes that wait for each other would wait for ever
TOLERANCE = 2e-5  # of a loss about 5 nats in float32: gradients are summed in another order


def alive(mark: str) -> list[int]:
    """Processes whose command line holds `mark`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "cmdline").read_text():
                found.append(int(process.name))
        except OSError:
            continue  # it ended meanwhile
    return [pid for pid in found if pid != os.getpid()]


def finish(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, errors[-4000:]
    return output


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """Two processes on this machine, killed once and run again, and what the second run printed."""
    workspace = prepare(tmp_path_factory.mktemp("pair") / "w")
    workspace.set("profiles/smoke.yaml", nproc_per_node=2)
    process = workspace.start("stages.train")
    while not list(workspace.cache.glob("train/*/checkpoint-2/sealed.json")):
        assert process.poll() is None, process.communicate()[1][-4000:]
        time.sleep(0.05)
    assert len(alive("swift/cli/sft.py")) >= 2
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 20
    while ranks := alive(str(workspace.cache)):
        assert time.monotonic() < deadline, ranks
        time.sleep(0.1)
    return workspace, finish(workspace.start("stages.train"))


def test_two_processes_killed_and_resumed_have_the_losses_of_one(
    pair: tuple[Workspace, str], variants: Variants
) -> None:
    workspace, output = pair
    assert "resuming after step 2" in output
    metrics = workspace.json("metrics/train.json")
    evaluated = variants.losses("single")[::3]
    assert metrics["eval_loss_first"] == pytest.approx(evaluated[0], rel=TOLERANCE)
    assert metrics["eval_loss"] == pytest.approx(evaluated[-1], rel=TOLERANCE)
    assert metrics["provenance"]["resumed"] == 1


def test_the_first_processs_lines_are_shown_once_and_the_batch_is_kept(
    pair: tuple[Workspace, str],
) -> None:
    workspace, output = pair
    assert "global batch 6, as with one process: 3 rows x 1 accumulated x 2 processes" in output
    assert output.count("step 3/4  loss") == 1
    compute = workspace.json("metrics/train.json")["compute"]
    assert (compute["global_batch"], compute["processes"]) == (6, 2)


def test_a_resumed_run_counts_the_whole_work(
    pair: tuple[Workspace, str], variants: Variants
) -> None:
    """The FLOPs of the uninterrupted run in one process, in training and in evaluation."""
    workspace, _ = pair
    compute = workspace.json("metrics/train.json")["compute"]
    single = read_counts(variants.root / "single", 1)
    observed = json.loads((variants.root / "single/observed.json").read_text())
    architecture = read_architecture(json.loads((TINY / "config.json").read_text()))
    assert architecture is not None
    training = Training(observed["parts"], recompute=False)
    expected = count_passes(architecture, training, single.train, single.evaluation)
    for name, value in compute["model_tflop"].items():
        assert value * 1e12 == pytest.approx(getattr(expected, name), rel=1e-4), name
    assert compute["tokens_per_row"] == round(single.train.tokens / single.train.rows, 1)
    assert compute["model_tflop"]["forward"] < compute["model_tflop"]["backward"]
    assert 0 < compute["mfu"] < compute["hfu"] < 1


def test_its_adapter_passes_the_merge_proof(pair: tuple[Workspace, str]) -> None:
    workspace, _ = pair
    output = finish(workspace.start("stages.merge"))
    assert "merged = base + adapter" in output
    assert workspace.json("metrics/merge.json")["top1_agreement"] == 1.0


def test_two_nodes_have_the_losses_of_one_process_and_node_0_publishes(
    variants: Variants, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(port))
    for rank in (0, 1):
        workspace = prepare(tmp_path / f"node{rank}")
        workspace.set("profiles/smoke.yaml", nnodes=2)
        workspace.cache = tmp_path / "shared"
        monkeypatch.setenv("NODE_RANK", str(rank))
        nodes.append((workspace, workspace.start("stages.train")))
    outputs = [finish(process) for _, process in nodes]
    assert "node 1 of 2 is done; node 0 publishes the adapter" in outputs[1]
    assert "adapters: " in outputs[0]
    assert "loss" not in outputs[1].replace("adapters", "")
    metrics = nodes[0][0].json("metrics/train.json")
    assert metrics["eval_loss"] == pytest.approx(variants.losses("single")[-1], rel=TOLERANCE)
    assert (nodes[0][0].root / "models/adapter/adapter_model.safetensors").is_file()
    assert not (nodes[1][0].root / "models").exists()
    assert not (nodes[1][0].root / "metrics").exists()
    assert [path.name for path in (tmp_path / "shared").rglob("*") if path.is_file()] == [
        "peaks.json"
    ]


def test_padding_free_batches_have_the_losses_of_padded_ones(variants: Variants) -> None:
    single = variants.losses("single")
    assert len(single) == 7  # 4 steps, evaluated before, between and after
    assert variants.losses("padding_free") == pytest.approx(single, rel=TOLERANCE)


def test_padding_free_batches_waste_no_token(variants: Variants) -> None:
    padded, free = (
        json.loads((variants.root / name / "work-0.json").read_text())["train"]
        for name in ("single", "padding_free")
    )
    assert padded["padded_tokens"] > 1.1 * padded["tokens"]
    assert free["padded_tokens"] == free["tokens"] == padded["tokens"]
    for name in ("rows", "squares", "scored", "patches", "patch_squares"):
        assert free[name] == padded[name]


def test_logits_are_made_where_there_are_labels_in_training_and_evaluation(
    variants: Variants,
) -> None:
    work = json.loads((variants.root / "padding_free" / "work-0.json").read_text())
    for mode in ("train", "eval"):
        counted = work[mode]
        assert counted["scored"] < 0.5 * counted["tokens"]
        # One more a row than labels: each position predicts the next token.
        assert counted["scored"] <= counted["padded_scored"] <= counted["scored"] + counted["rows"]


def test_fsdp_has_the_losses_of_one_process_and_saves_the_same_adapter(variants: Variants) -> None:
    assert variants.losses("fsdp") == pytest.approx(variants.losses("single"), rel=TOLERANCE)
    one, sharded = (
        load_file(variants.root / name / "checkpoint-4" / "adapter_model.safetensors")
        for name in ("single", "fsdp")
    )
    assert one.keys() == sharded.keys()
    for name, weight in one.items():
        # Adam's step is the learning rate where a gradient is next to nothing, whatever its sign.
        assert torch.allclose(weight, sharded[name], atol=5e-4), name


def test_fsdp_resumes_where_it_was(variants: Variants) -> None:
    whole, resumed = variants.losses("fsdp"), variants.losses("fsdp_resumed")
    assert resumed == pytest.approx(whole[-len(resumed) :], rel=1e-6)
    assert len(resumed) == 3
