"""GPUs among several workers, with device lists in the place of devices."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ketune.devices.lease import leased_devices, visible_devices
from ketune.params import Params
from ketune.runtime import StageError
from tests.training.conftest import ROOT, changed, full

__all__ = ["full"]

HOLD = """
    import os, sys
    from pathlib import Path
    from ketune.params import load_params
    from ketune.devices.lease import leased_devices
    with leased_devices(load_params(Path(sys.argv[1])), int(sys.argv[2])):
        assert "torch" not in sys.modules
        print("has", os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
        sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three GPUs, as nvidia-smi lists them."""
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text(
        '#!/bin/sh\nfor n in 0 1 2; do echo "GPU-$n$n, ${GPU_NAME:-NVIDIA A100}"; GPU_NAME=; done\n'
    )
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{smi.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("KETUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


class Holder:
    """A process that leases `count` GPUs until it is told to end."""

    def __init__(self, count: int = 1, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HOLD), str(ROOT), str(count)],
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def devices(self) -> set[str]:
        while not (line := self.line()).startswith("has "):
            assert line, "the holder ended"
        return set(line.removeprefix("has ").split(","))

    def end(self) -> None:
        self.process.communicate("\n")
        assert self.process.returncode == 0


def test_workers_at_the_same_time_have_different_gpus_and_the_next_waits() -> None:
    holders = [Holder() for _ in range(3)]
    held = [holder.devices() for holder in holders]
    assert set().union(*held) == {"GPU-00", "GPU-11", "GPU-22"}
    fourth = Holder()
    assert fourth.line() == "waiting for 1 of 3 GPUs: other runs use them"
    holders[1].end()
    assert fourth.devices() == held[1]
    for holder in (holders[0], holders[2], fourth):
        holder.end()


def test_a_killed_worker_leaves_its_gpus_to_others() -> None:
    first = Holder(count=3)
    assert first.devices() == {"GPU-00", "GPU-11", "GPU-22"}
    second = Holder(count=2)
    assert second.line().startswith("waiting for 2 of 3")
    first.process.kill()
    assert len(second.devices()) == 2
    second.end()
    first.process.communicate()


def test_two_that_need_two_of_three_do_not_wait_for_each_other_for_ever() -> None:
    holders = [Holder(count=2) for _ in range(2)]
    first = next(holder for holder in holders if holder.line().startswith("GPU "))
    devices = first.devices()
    (second,) = (holder for holder in holders if holder is not first)
    first.end()
    assert len(devices) == len(second.devices()) == 2
    second.end()


def test_only_visible_devices_are_leased_whatever_they_are_called(
    full: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    one = Holder(CUDA_VISIBLE_DEVICES="1,GPU-00")
    assert one.devices() == {"GPU-11"}
    other = Holder(CUDA_VISIBLE_DEVICES="GPU-11, 0")
    assert other.devices() == {"GPU-00"}
    one.end()
    other.end()
    with leased_devices(full) as locks:
        assert len(locks) == 1
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-11"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    with pytest.raises(StageError, match=r"2 GPUs .* and 1 can be used \(GPU-11\); lower nproc"):
        leased_devices(full, 2).__enter__()


@pytest.mark.parametrize(("asked", "devices"), [("", []), ("-1", []), ("0,-1,2", ["GPU-00"])])
def test_what_cuda_does_not_see_is_not_leased(
    asked: str, devices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", asked)
    assert visible_devices() == devices


def test_indices_of_different_gpus_stay_indices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_NAME", "NVIDIA H100")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,0")
    assert visible_devices() == ["2", "0"]


def test_a_run_on_the_cpu_or_without_gpus_leases_nothing(
    full: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for params in (changed(full, use_cpu=True, bf16=False, torch_dtype="float32"), full):
        with leased_devices(params, 1 if params.use_cpu else 0) as locks:
            assert locks == ()
            assert "CUDA_VISIBLE_DEVICES" not in os.environ
    monkeypatch.setenv("PATH", str(tmp_path))
    with leased_devices(full) as locks:
        assert locks == ()
