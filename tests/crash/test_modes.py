"""kill -9 of everything under `dvc repro`, `dvc exp run --temp` and `dvc queue start`."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ketune.runtime import file_sha256
from ketune.swift.checkpoints import SEAL
from tests.projects import own_environment, run_in
from tests.tracking.secrets import TOKENS, assert_no_secret
from tests.training.conftest import ROOT
from tests.training.workspace import TINY, Workspace

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(not TINY.is_dir(), reason=f"{TINY} is not there"),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc"),
]
MODES = {
    "workspace": [["dvc", "exp", "run"]],
    "temp": [["dvc", "exp", "run", "--temp"]],
    "queue": [["dvc", "exp", "run", "--queue"], ["dvc", "queue", "start"]],
}
ADAPTER = "models/adapter/adapter_model.safetensors"


class Project(Workspace):
    """A repository of git and DVC with nothing but the train stage and a few prepared rows."""

    finished = 0
    launched: subprocess.Popen[bytes] | None = None

    def __init__(self, root: Path, home: Path) -> None:
        super().__init__(root)
        self.cache = home / "cache"
        self.environment = own_environment(home) | {"OMP_NUM_THREADS": "1"}
        # Links, in a workspace.
        for name in ("stages", "ketune", "requirements.lock", "tests/assets"):
            (root / name).unlink()
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "stages", root / "stages", ignore=ignored)
        shutil.copytree(ROOT / "ketune", root / "ketune", ignore=ignored)
        shutil.copytree(TINY, root / "tests/assets" / TINY.name)
        for name in ("requirements.lock", ".dvcignore", ".gitignore"):
            shutil.copy(ROOT / name, root)
        yaml = YAML()
        graph = yaml.load(ROOT / "dvc.yaml")
        stages = {name: graph["stages"][name] for name in ("resolve", "train")}
        yaml.dump({"stages": stages}, root / "dvc.yaml")
        for command in (
            ("git", "init", "-q", "-b", "main"),
            ("git", "config", "user.name", "t"),
            ("git", "config", "user.email", "t@example.org"),
            ("dvc", "init", "-q"),
            ("dvc", "config", "core.analytics", "false"),
            ("git", "add", "-A"),
            ("git", "commit", "-qm", "project"),
        ):
            self.command(*command)

    def command(self, *command: str) -> str:
        return run_in(self.root, self.environment, *command).stdout

    def launch(self, mode: str, *options: str) -> None:
        """Start training in a mode and leave it running."""
        first, *rest = MODES[mode]
        with (self.root.parent / "log").open("a") as log:
            commands = [[*first, *options], *rest]
            for command in commands[:-1]:
                subprocess.run(command, cwd=self.root, env=self.environment, stdout=log, check=True)
            self.launched = subprocess.Popen(
                commands[-1], cwd=self.root, env=self.environment, stdout=log, stderr=log
            )

    def finish(self, mode: str, *options: str) -> str:
        """Train to the end in a mode and return the SHA-256 of the experiment's adapter."""
        self.finished += 1
        name = f"finished-{self.finished}"
        first, *rest = MODES[mode]
        for command in ([*first, "--name", name, *options], *rest):
            self.command(*command)
        # A worker first takes up again what was killed with the one before it.
        deadline = time.monotonic() + 600
        refs = ("git", "for-each-ref", f"refs/exps/**/{name}")
        while not self.command(*refs):
            assert time.monotonic() < deadline, self.command("dvc", "queue", "status")
            time.sleep(1)
        self.command("dvc", "exp", "apply", name)
        return file_sha256(self.root / ADAPTER)

    def kill(self) -> None:
        """Kill every process that this project has started, at once."""
        mark = f"KETUNE_CACHE={self.cache}\0".encode()
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                ours = mark in path.read_bytes()
            except OSError:  # gone, or another user's
                continue
            if ours and int(path.parent.name) != os.getpid():
                os.kill(int(path.parent.name), signal.SIGKILL)
        # As a shell does: DVC takes a lock's holder for alive until it is.
        if self.launched:
            self.launched.wait()
        # Git's, which DVC held at that moment: docs/training.md, "Interrupted runs".
        for lock in (self.root / ".git").rglob("*.lock"):
            lock.unlink()

    def wait_for(self, pattern: str) -> None:
        deadline = time.monotonic() + 300
        while not list(self.cache.glob(pattern)):
            assert time.monotonic() < deadline, (self.root.parent / "log").read_text()[-3000:]
            time.sleep(0.01)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """SHA-256 of the adapter of a run that nobody interrupted."""
    workspace = Workspace(tmp_path_factory.mktemp("whole") / "w")
    workspace.run("stages.train")
    return file_sha256(workspace.root / ADAPTER)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    home = tmp_path / "home"
    home.mkdir()
    project = Project(tmp_path / "w", home)
    yield project
    project.kill()


def test_a_run_killed_in_one_mode_goes_on_in_another_and_none_keeps_a_credential(
    project: Project, whole: str
) -> None:
    project.environment |= TOKENS | {"WANDB_MODE": "offline"}
    recorded = ("-S", "report_to=wandb")
    project.launch("temp", *recorded)
    project.wait_for(f"train/*/checkpoint-2/{SEAL}")
    project.kill()
    project.launch("queue", *recorded)
    project.wait_for(f"train/*/checkpoint-4/{SEAL}")
    project.kill()
    # Scratch, .dvc/tmp with the queue and the temporary directories, .dvc/cache, runs, git.
    assert_no_secret(project.root.parent)
    assert project.finish("workspace", *recorded) == whole
    assert list(project.root.glob("runs/*/wandb/offline-run-*/*.wandb"))
    assert_no_secret(project.root.parent)
    assert project.json("models/adapter.record.json")["provenance"]["resumed"] == 2
    assert not [path for path in project.cache.rglob("train/*") if path.is_dir()]


def test_ctrl_c_of_dvc_repro_ends_with_a_checkpoint(project: Project) -> None:
    """A terminal sends SIGINT to every process of the group: DVC, its shell and the stage."""
    process = subprocess.Popen(
        ["dvc", "repro"],
        cwd=project.root,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    project.wait_for("train/*/training")
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert process.returncode != 0
    assert re.search(r"error: stopped by SIGINT; checkpoint at step \d; run the same", output), (
        output
    )
    assert "failed to reproduce 'train'" in output
    assert list(project.cache.glob(f"train/*/*-[0-9]/{SEAL}"))
    assert "train" not in YAML(typ="safe").load(project.root / "dvc.lock")["stages"]


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_ten_random_moments(mode: str, project: Project, whole: str) -> None:
    """Seeded moments, from the start of the process to after its end; then the rank changes."""
    draw, moments = random.Random(42), int(os.environ.get("MOMENTS", "10"))
    started = time.monotonic()
    assert project.finish(mode) == whole
    duration = time.monotonic() - started
    for number in range(moments):
        project.command("git", "checkout", "-q", ".")
        shutil.rmtree(project.root / ".dvc/cache", ignore_errors=True)
        project.launch(mode, "--force")
        moment = draw.uniform(0.1, 0.9) * duration
        time.sleep(moment)
        states = sorted(path.name for path in project.cache.glob("train/*/*-[0-9]"))
        project.kill()
        print(f"{mode} {number}: killed after {moment:.1f} s with {states or 'no checkpoint'}")
        if number == moments // 2:
            other = project.finish(mode, "--force", "-S", "lora_rank=16")
            assert other != whole
            assert project.json("models/adapter.record.json")["provenance"]["resumed"] == 0
            project.command("git", "checkout", "-q", ".")
        assert project.finish(mode, "--force") == whole
