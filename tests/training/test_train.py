from pathlib import Path
from typing import Any

import pytest

from ketune.models.locate import Model
from ketune.params import Params
from ketune.runtime import StageError
from stages import train
from tests.training.conftest import changed

MODEL = Model("models/local", None, "digest")


@pytest.fixture(autouse=True)
def _repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data/prepared").mkdir(parents=True)
    for name in ("data/prepared/train.jsonl", "data/prepared/validation.jsonl"):
        Path(name).write_text("{}\n")
    Path("requirements.lock").touch()
    Path("plugin.py").touch()


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
    params = changed(full, external_plugins=["plugin.py"])
    key = train._run_key(params, MODEL)
    assert key != train._run_key(params, Model("models/local", None, "other"))
    Path("plugin.py").write_text("import swift\n")
    assert key != train._run_key(params, MODEL)


def test_missing_inputs_are_named(full: Params) -> None:
    with pytest.raises(StageError, match=r"external_plugins: nothing\.py not found"):
        train._run_key(changed(full, external_plugins=["nothing.py"]), MODEL)
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
