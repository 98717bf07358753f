"""What a user reads when training fails: the cause and what to change, in one line."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ketune.swift.checkpoints import seal
from ketune.swift.failures import explain_failure, explain_stop
from tests.crash.conftest import Zygote, results
from tests.training.workspace import TINY, Workspace

TRACEBACK = "Traceback (most recent call last):\n  File 'x.py', line 1, in <module>\n"
LOGS = {
    # As torch 2.14, safetensors 0.7 and CPython 3.11 word them.
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 9.27 GiB. GPU 0 has a total "
    "capacity of 79.10 GiB of which 1.45 GiB is free.": "the GPU is out of memory; halve",
    "RuntimeError: CUDA error: out of memory": "the GPU is out of memory; halve per_device_train",
    "RuntimeError: [enforce fail at alloc_cpu.cpp:122] data. DefaultCPUAllocator: can't allocate "
    "memory: you tried to allocate 80000000000 bytes.": "this machine is out of memory; halve",
    "MemoryError": "this machine is out of memory",
    "OSError: [Errno 28] No space left on device": "the disk is full",
    "OSError: [Errno 122] Disk quota exceeded": "the disk is full",
    "safetensors_rust.SafetensorError: I/O error: No space left on device (os error 28)": "the",
    "RuntimeError: [enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0\n"
    "RuntimeError: [enforce fail at inline_container.cc:862] . PytorchStreamWriter failed writing "
    "file data/12: file write failed": "the disk is full",
    "RuntimeError: basic_ios::clear: iostream error": "the disk is full",
    "RuntimeError: DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that "
    "dataloader's workers are out of shared memory.": "set dataloader_num_workers 0",
    "FloatingPointError: eval_loss is nan at step 40": "training diverged: eval_loss is nan at "
    "step 40; lower learning_rate or raise warmup_steps",
    # Of our own plugins.
    "ketune.runtime.StageError: model_type: 'x' is for Y": "swift sft failed: model_type: 'x' is",
}


@pytest.mark.parametrize("line", LOGS)
def test_a_known_cause_is_named_with_its_remedy(line: str, tmp_path: Path) -> None:
    log = tmp_path / "swift.log"
    text = (
        f"Train:  10%|# | 1/10\r{TRACEBACK}{line}\nException ignored in: <function f>\nOSError: x\n"
    )
    told = explain_failure("sft", 1, text, log, 0)
    assert told.startswith("swift sft failed: ")
    assert LOGS[line] in told
    assert told.endswith(f"(log: {log})")
    assert "\n" not in told


def test_other_failures_are_swifts_last_error(tmp_path: Path) -> None:
    text = f"{TRACEBACK}ValueError: template 'x' not in the list\n[INFO:swift] End time\n"
    told = explain_failure("sft", 1, text, tmp_path / "log", 0)
    assert (
        told == f"swift sft failed: ValueError: template 'x' not in the list (log: {tmp_path}/log)"
    )
    assert "it printed nothing" in explain_failure("sft", 1, "", tmp_path / "log", 0)


def test_a_kill_by_the_kernel_is_want_of_memory(tmp_path: Path) -> None:
    log = tmp_path / "log"
    killed = explain_failure("sft", -signal.SIGKILL, "loading", log, 1)
    assert "the kernel killed it for want of memory; halve per_device_train_batch_size" in killed
    assert "most likely for want of memory" in explain_failure("sft", -signal.SIGKILL, "", log, 0)
    assert "ended by SIGSEGV" in explain_failure("sft", -signal.SIGSEGV, "", log, 0)


def test_what_is_left_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "log"
    assert "no checkpoint yet" in explain_stop("sft", signal.SIGTERM, tmp_path)
    checkpoint = tmp_path / "checkpoint-20"
    checkpoint.mkdir()
    (checkpoint / "trainer_state.json").write_text("{}")
    seal(checkpoint)
    Path("dvc.lock").write_text("    - path: models/adapter\n")
    assert explain_stop("sft", signal.SIGTERM, tmp_path) == (
        "stopped by SIGTERM; checkpoint at step 20; run the same command to go on"
    )
    told = explain_failure("sft", 1, "MemoryError", log, 0)
    assert "; the same configuration goes on from step 20;" in told
    assert "; the previous adapter comes back by `dvc checkout models/adapter` (log" in told
    Path("models/adapter").mkdir(parents=True)
    assert "dvc checkout" not in explain_failure("sft", 1, "MemoryError", log, 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk on which one checkpoint of 7 MB fits and the next one does not."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.graph
@pytest.mark.skipif(not TINY.is_dir(), reason=f"{TINY} is not there")
def test_a_full_disk_ends_the_run_and_space_lets_it_go_on(
    small_disk: Path, zygote: Zygote, whole: Workspace, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path / "w")
    workspace.cache = small_disk
    process = workspace.start("stages.train")
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.startswith(f"error: swift sft failed: {small_disk}/train/")
    assert "the disk is full or a limit on file sizes is reached" in errors
    assert "set KETUNE_CACHE to a directory on another disk" in errors
    assert errors.count("\n") == 1
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    zygote.run(workspace)
    assert results(workspace) == results(whole)


@pytest.mark.graph
@pytest.mark.skipif(not TINY.is_dir(), reason=f"{TINY} is not there")
def test_a_loss_that_is_not_finite_ends_the_run_at_that_step(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    workspace.set(learning_rate=1e30, warmup_steps=0)
    process = workspace.start("stages.train")
    output, errors = process.communicate()
    assert process.returncode == 1
    assert "training diverged: loss is nan at step 2; lower learning_rate" in errors, output
    assert "step 3/6" not in output
