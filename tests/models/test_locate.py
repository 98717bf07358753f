from pathlib import Path

import pytest

from ketune.models.locate import directory_sha256, locate_model
from ketune.runtime import StageError


def test_a_directory_is_found_and_its_digest_follows_its_content(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    model = locate_model(str(tmp_path), "main")
    assert (model.name, model.revision) == (str(tmp_path), None)
    assert model.digest == directory_sha256(tmp_path)
    (tmp_path / "config.json").write_text("{ }")
    assert directory_sha256(tmp_path) != model.digest
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "config.json").rename(tmp_path / "other.json")
    assert directory_sha256(tmp_path) != model.digest


def test_a_directory_can_be_pinned_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    pin = directory_sha256(tmp_path)[:12]
    assert locate_model(str(tmp_path), pin).digest.startswith(pin)
    (tmp_path / "config.json").write_text("{ }")
    with pytest.raises(StageError, match=f"model_revision: .* not {pin}; restore its files"):
        locate_model(str(tmp_path), pin)


@pytest.mark.parametrize("name", ["tests/assets/tiny-qwen", "./Qwen/Qwen3", "tests/nothing", "x"])
def test_a_mistyped_path_is_not_taken_for_a_hub_id(name: str) -> None:
    with pytest.raises(StageError, match=r"no such directory; check the path"):
        locate_model(name, "main")


def test_an_unreachable_hub_is_one_line_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(StageError) as raised:
        locate_model("Qwen/Qwen3-VL-8B-Instruct", "main")
    message = str(raised.value)
    assert "the hub cannot be reached" in message
    assert "set model to a local directory" in message
    assert "\n" not in message
