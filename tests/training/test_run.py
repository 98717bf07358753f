"""`run_swift` with scripts in the place of ms-swift's modules."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from ketune.runtime import StageError
from ketune.swift import run
from ketune.swift.run import run_swift

ROOT = Path(__file__).parents[2]


@pytest.fixture
def lock(tmp_path: Path) -> int:
    return os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Takes the source of a script that stands in for `swift sft`, gives the path of its log."""

    def place(source: str) -> Path:
        script = tmp_path / "sft.py"
        script.write_text(textwrap.dedent(source))
        spec = ModuleSpec("swift.cli.sft", None, origin=str(script))
        monkeypatch.setattr(run, "find_spec", lambda _: spec)
        return tmp_path / "swift.log"

    return place


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def assert_ended(pid: int) -> None:
    """Assert that the process ends within seconds."""
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pid)


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 20
    while not (path.is_file() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return path.read_text().strip()


def test_losses_are_shown_and_everything_is_logged(
    stand_in: Callable[[str], Path], lock: int, capfd: pytest.CaptureFixture[str]
) -> None:
    log = stand_in(
        """
        import os, sys
        print("[INFO:swift] a lot of settings")
        print("Train:  33%|###  | 1/3", end="\\r", file=sys.stderr)
        print({"loss": "1.25", "token_acc": "0.5", "global_step/max_steps": "20/60",
               "remaining_time": "3m 5s"})
        print(os.environ["PYTHONHASHSEED"], sys.argv[1:])
        """,
    )
    memory = run_swift("sft", ["--seed", "42"], log, lock)
    shown = capfd.readouterr().out
    assert shown == "step 20/60  loss 1.25  token_acc 0.5  3m 5s left\n"
    content = log.read_text()
    assert "a lot of settings" in content
    assert "0 ['--seed', '42']" in content
    assert 2**20 < memory < 2**40


def test_a_failure_names_the_error_and_the_log(stand_in: Callable[[str], Path], lock: int) -> None:
    log = stand_in(
        """
        import atexit
        atexit.register(print, "Train:  10%|#   | 1/10 [00:01<00:09, 1.0s/it]")
        atexit.register(print, "[INFO:swift] End time of running main")
        raise ValueError("template_type: 'nothing' not in the list")
        """,
    )
    with pytest.raises(StageError) as raised:
        run_swift("sft", [], log, lock)
    assert str(raised.value) == (
        f"swift sft failed: ValueError: template_type: 'nothing' not in the list (log: {log})"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_stage_ends_the_whole_group(
    stand_in: Callable[[str], Path], tmp_path: Path, lock: int, number: signal.Signals
) -> None:
    before = signal.getsignal(signal.SIGINT)  # a background shell starts tests with it ignored
    log = stand_in(
        f"""
        import os, signal, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        with open({str(tmp_path / "pid")!r}, "w") as file:
            print(child.pid, file=file)
        os.kill(os.getppid(), signal.{number.name})
        time.sleep(60)
        """,
    )
    with pytest.raises(
        StageError, match=f"stopped by {number.name}; no checkpoint yet; run the same"
    ):
        run_swift("sft", [], log, lock)
    pid = int(wait_for(tmp_path / "pid"))
    assert_ended(pid)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_killed_stage_takes_swift_with_it(tmp_path: Path) -> None:
    (tmp_path / "sft.py").write_text(
        "import os, time\n"
        f"print(os.getpid(), file=open({str(tmp_path / 'pid')!r}, 'w'), flush=True)\n"
        "time.sleep(60)\n"
    )
    stage = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os\n"
            "from importlib.machinery import ModuleSpec\n"
            "from pathlib import Path\n"
            "from ketune.swift import run\n"
            f"spec = ModuleSpec('s', None, origin={str(tmp_path / 'sft.py')!r})\n"
            "run.find_spec = lambda _: spec\n"
            f"lock = os.open({str(tmp_path / 'lock')!r}, os.O_RDWR | os.O_CREAT)\n"
            f"run.run_swift('sft', [], Path({str(tmp_path / 'log')!r}), lock)\n",
        ],
        cwd=ROOT,
    )
    pid = int(wait_for(tmp_path / "pid"))
    stage.kill()
    stage.wait()
    assert_ended(pid)


def test_a_training_is_waited_for_and_a_second_ctrl_c_ends_it_at_once(
    stand_in: Callable[[str], Path],
    tmp_path: Path,
    lock: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    log = stand_in(
        f"""
        import os, signal, time
        from pathlib import Path
        run = Path({str(tmp_path)!r})
        (run / "training").touch()
        os.kill(os.getppid(), signal.SIGINT)
        while not (run / "stop").exists():
            time.sleep(0.01)
        time.sleep(1.5)
        os.kill(os.getppid(), signal.SIGTERM)  # repeated by a scheduler: no reason to give up
        time.sleep(1)
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(60)
        """,
    )
    monkeypatch.setattr(run, "_REMINDER", 1.0)
    began = time.monotonic()
    with pytest.raises(StageError, match="stopped by SIGINT; no checkpoint yet"):
        run_swift("sft", [], log, lock)
    assert 2.4 < time.monotonic() - began < 30
    shown = capfd.readouterr().out
    assert shown.startswith("SIGINT: ending with a checkpoint after this step; Ctrl-C again ends")
    assert "still waiting for the checkpoint (" in shown
