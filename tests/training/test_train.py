from pathlib import Path
from typing import Any

import pytest

from ketune.models.locate import Model
from ketune.params import Params
from ketune.runtime import StageError
from stages import train
from tests.house.imports import reachable
from tests.training.conftest import ROOT, changed

MODEL = Model("models/local", None, "digest")
PLUGIN = Path("ketune/models/plugins/mine.py")


@pytest.fixture(autouse=True)
def _repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data/prepared").mkdir(parents=True)
    for name in ("data/prepared/train.jsonl", "data/prepared/validation.jsonl"):
        Path(name).write_text("{}\n")
    Path("requirements.lock").touch()
    PLUGIN.parent.mkdir(parents=True)
    PLUGIN.touch()


@pytest.mark.parametrize(
    "change",
    [{"lora_rank": 64}, {"learning_rate": 1e-5}, {"seed": 1}, {"system": "Be brief."}],
)
def test_another_configuration_has_another_scratch_directory(
    full: Params, change: dict[str, Any]
) -> None:
    key = train._run_key(full, MODEL)
    assert key == train._run_key(full, MODEL)
    assert key != train._run_key(changed(full, **change), MODEL)


@pytest.mark.parametrize(
    "path", ["data/prepared/train.jsonl", "data/prepared/validation.jsonl", "requirements.lock"]
)
def test_other_data_or_libraries_have_another_scratch_directory(full: Params, path: str) -> None:
    key = train._run_key(full, MODEL)
    Path(path).write_text("changed\n")
    assert key != train._run_key(full, MODEL)


def test_other_weights_or_plugins_have_another_scratch_directory(full: Params) -> None:
    params = changed(full, external_plugins=[str(PLUGIN)])
    key = train._run_key(params, MODEL)
    assert key != train._run_key(params, Model("models/local", None, "other"))
    PLUGIN.write_text("import swift\n")
    assert key != train._run_key(params, MODEL)


@pytest.mark.parametrize("room", ["training", "training/plugins", "swift", "models/plugins"])
def test_other_code_starts_anew_and_says_so(
    full: Params, room: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KETUNE_CACHE", "cache")
    key = train._run_key(full, MODEL)
    Path("cache/train", key).mkdir(parents=True)
    train._note_other_code(key)
    train._note_other_code(train._run_key(changed(full, lora_rank=64), MODEL))
    assert capsys.readouterr().out == ""
    Path("ketune", room).mkdir(parents=True, exist_ok=True)
    Path("ketune", room, "edited.py").touch()
    other = train._run_key(full, MODEL)
    assert other != key
    train._note_other_code(other)
    assert "the code of training has changed since this run was" in capsys.readouterr().out


def test_the_code_of_a_run_is_what_its_process_can_import() -> None:
    """Beside what checks parameters, words errors and names directories."""
    plugins = [str(path.relative_to(ROOT)) for path in ROOT.glob("ketune/*/plugins/*.py")]
    used = {path for file in [*plugins, "ketune/training/worker.py"] for path in reachable(file)}
    folders = tuple(f"{folder}/" for folder in train._CODE)
    rest = {path.split("/")[1] for path in used if not path.startswith(folders)}
    assert rest == {"__init__.py", "params", "runtime.py", "scratch.py"}


def test_missing_inputs_are_named(full: Params) -> None:
    with pytest.raises(StageError, match=r"external_plugins: .*nothing\.py not found"):
        train._run_key(changed(full, external_plugins=[str(PLUGIN.with_name("nothing.py"))]), MODEL)
    Path("data/prepared/train.jsonl").unlink()
    with pytest.raises(StageError, match="run the prepare stage"):
        train._run_key(full, MODEL)


def test_the_effective_scaling_is_announced(
    full: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    train._announce(full)
    train._announce(changed(full, use_rslora=False))
    assert capsys.readouterr().out == (
        "effective scaling 11.31 (64/√32)\neffective scaling 2 (64/32)\n"
    )
