"""Padding-free batches, sharded weights, several processes and nodes train what one process trains.

In one file, so that one worker of the test run makes the variants.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ketune.swift.checkpoints import SEAL
from ketune.training.compute import read_work
from ketune.training.flops import count_flops, read_architecture
from tests.scale.conftest import PLUGINS, Variants, prepare
from tests.training.conftest import ROOT
from tests.training.workspace import TINY, Workspace

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


def assert_same_adapter(*directories: Path) -> None:
    one, other = (load_file(path / "adapter_model.safetensors") for path in directories)
    assert one.keys() == other.keys()
    for name, weight in one.items():
        # Adam's step is the learning rate where a gradient is next to nothing, whatever its sign.
        assert torch.allclose(weight, other[name], atol=5e-4), name


@dataclass(frozen=True)
class Pair:
    """Two processes on this machine: stopped in step 3, killed in step 4, and run to the end.

    `asked` is what the user of the first attempt read, on stdout and stderr; `output` that of the
    last. `kept` are the checkpoints that the first attempt left.
    """

    workspace: Workspace
    asked: tuple[str, str]
    kept: set[str]
    output: str


def _held(workspace: Workspace) -> subprocess.Popen[str]:
    """The train stage once it waits in a step (tests/scale/plugins/hold.py)."""
    (workspace.root / "holding").unlink(missing_ok=True)
    process = workspace.start("stages.train")
    while not (workspace.root / "holding").exists():
        assert process.poll() is None, process.communicate()[1][-4000:]
        time.sleep(0.05)
    assert len(alive("swift/cli/sft.py")) >= 2
    return process


def _assert_gone(workspace: Workspace) -> None:
    deadline = time.monotonic() + 20
    while ranks := alive(str(workspace.cache)):
        assert time.monotonic() < deadline, ranks
        time.sleep(0.1)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    workspace = prepare(tmp_path_factory.mktemp("pair") / "w")
    own = workspace.root / "ketune"
    own.unlink()
    shutil.copytree(ROOT / "ketune", own)
    shutil.copy(PLUGINS / "hold.py", own / "models" / "plugins")
    plugins = [f"ketune/models/plugins/{name}.py" for name in ("tiny_qwen3_vl", "hold")]
    workspace.set(nproc_per_node=2, external_plugins=plugins)
    (workspace.root / "hold").touch()
    process = _held(workspace)
    process.send_signal(signal.SIGTERM)
    asked = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    _assert_gone(workspace)
    kept = {path.parent.name for path in workspace.cache.glob(f"train/*/*/{SEAL}")}
    process = _held(workspace)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _assert_gone(workspace)
    (workspace.root / "hold").unlink()
    return Pair(workspace, asked, kept, finish(workspace.start("stages.train")))


def test_sigterm_ends_two_processes_with_one_checkpoint_and_a_sentence(pair: Pair) -> None:
    output, errors = pair.asked
    assert "SIGTERM: ending with a checkpoint after this step" in output
    assert errors == (
        "error: stopped by SIGTERM; checkpoint at step 3; run the same command to go on\n"
    )
    assert pair.kept == {"checkpoint-2", "interrupted-3"}


def test_two_processes_stopped_killed_and_resumed_have_the_losses_of_one(
    pair: Pair, variants: Variants
) -> None:
    assert "resuming after step 3" in pair.output
    metrics = pair.workspace.json("models/adapter.record.json")
    evaluated = variants.losses("single")[::3]
    assert metrics["eval_loss_first"] == pytest.approx(evaluated[0], rel=TOLERANCE)
    assert metrics["eval_loss"] == pytest.approx(evaluated[-1], rel=TOLERANCE)
    assert metrics["provenance"]["resumed"] == 2
    assert_same_adapter(
        variants.root / "single/checkpoint-4", pair.workspace.root / "models/adapter"
    )


def test_the_first_processs_lines_are_shown_once_and_the_batch_is_kept(pair: Pair) -> None:
    batch = "global batch 6, as with one process: 3 rows x 1 accumulated x 2 processes"
    assert batch in pair.output
    assert pair.asked[0].count("step 3/4  loss") == pair.output.count("step 4/4  loss") == 1
    compute = pair.workspace.json("models/adapter.record.json")["compute"]
    assert (compute["global_batch"], compute["processes"]) == (6, 2)


def test_a_resumed_run_counts_the_whole_work(pair: Pair, variants: Variants) -> None:
    """The FLOPs of the uninterrupted run in one process, in training and in evaluation.

    Of three batches of evaluation each process gets two: the first one is evaluated twice.
    """
    compute = pair.workspace.json("models/adapter.record.json")["compute"]
    work, _ = read_work(variants.root / "single", 1)
    adapters = json.loads((variants.root / "single/observed.json").read_text())["parts"]
    architecture = read_architecture(json.loads((TINY / "config.json").read_text()))
    assert architecture is not None
    train, evaluation, padded = (
        count_flops(architecture, adapters, work[kind])
        for kind in ("train", "evaluation", "evaluation_padded")
    )
    expected = {"forward": train.forward, "backward": train.backward}
    expected["evaluation"] = evaluation.forward
    counted = {name: value * 1e12 for name, value in compute["model_tflop"].items()}
    assert counted == pytest.approx(expected, rel=1e-4)
    repeated = 1e12 * compute["hardware_tflop"]["evaluation"] / padded.forward
    assert 1.2 < repeated < 1.6
    assert compute["tokens_per_row"] == round(work["train"].tokens / work["train"].rows, 1)
    assert compute["model_tflop"]["forward"] < compute["model_tflop"]["backward"]
    assert 0 < compute["mfu"] < compute["hfu"] < 1


def test_its_adapter_passes_the_merge_proof(pair: Pair) -> None:
    output = finish(pair.workspace.start("stages.merge"))
    assert "merged = base + adapter" in output
    assert pair.workspace.json("models/merged.record.json")["top1_agreement"] == 1.0


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
        workspace.set(nnodes=2)
        workspace.cache = tmp_path / "shared"
        monkeypatch.setenv("NODE_RANK", str(rank))
        nodes.append((workspace, workspace.start("stages.train")))
    outputs = [finish(process) for _, process in nodes]
    assert "node 1 of 2 is done; node 0 publishes the adapter" in outputs[1]
    assert "adapters: " in outputs[0]
    assert "loss" not in outputs[1].replace("adapters", "")
    metrics = nodes[0][0].json("models/adapter.record.json")
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
    padded, free = (read_work(variants.root / name, 1)[0] for name in ("single", "padding_free"))
    assert padded["train_padded"].tokens > 1.1 * padded["train"].tokens
    assert free["train_padded"].tokens == free["train"].tokens
    assert free["train"] == padded["train"]


def test_logits_are_made_where_there_are_labels_in_training_and_evaluation(
    variants: Variants,
) -> None:
    work, _ = read_work(variants.root / "padding_free", 1)
    for mode in ("train", "evaluation"):
        needed, made = work[mode], work[f"{mode}_padded"].scored
        assert needed.scored < 0.5 * needed.tokens
        # One more a row than labels: each position predicts the next token.
        assert needed.scored <= made <= needed.scored + needed.rows


def test_fsdp_has_the_losses_of_one_process_and_saves_the_same_adapter(variants: Variants) -> None:
    assert variants.losses("fsdp") == pytest.approx(variants.losses("single"), rel=TOLERANCE)
    assert_same_adapter(*(variants.root / name / "checkpoint-4" for name in ("single", "fsdp")))


def test_fsdp_resumes_where_it_was(variants: Variants) -> None:
    whole, resumed = variants.losses("fsdp"), variants.losses("fsdp_resumed")
    assert resumed == pytest.approx(whole[-len(resumed) :], rel=1e-6)
    assert len(resumed) == 3
