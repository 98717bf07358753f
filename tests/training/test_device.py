import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ketune.devices.device import require_device
from ketune.generation import vllm
from ketune.params import Baseline, Params
from ketune.runtime import StageError
from tests.training.conftest import ROOT, changed


@pytest.mark.parametrize("stage", [["train"], ["merge"], ["generate", "base"]])
def test_without_a_gpu_full_scale_stops_at_once_and_names_the_smoke_profile(
    stage: list[str], tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "baselines", tmp_path / "baselines")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    program = (
        "import runpy, sys\n"
        f"sys.argv = {['stage', *stage[1:]]!r}\n"
        "try:\n"
        f"    runpy.run_module('stages.{stage[0]}', run_name='__main__')\n"
        "finally:\n"
        "    print('swift' in sys.modules)\n"
    )
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stdout == "False\n"
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert "no CUDA GPU" in line
    assert "ketune profile smoke" in line
    assert {path.name for path in tmp_path.iterdir()} == {
        *("baselines", "params.yaml"),
    }


def test_the_cpu_profile_needs_no_gpu_and_gets_one_thread(
    full: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)  # an import of it would fail
    require_device(changed(full, use_cpu=True))
    assert os.environ["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    require_device(changed(full, use_cpu=True))
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_a_missing_backend_is_named_with_its_alternative(
    full: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm, "find_spec", lambda _: None)
    with pytest.raises(StageError, match=r"generation\.backend=transformers"):
        vllm.locate(changed(full, use_cpu=True), Baseline(), "base")
