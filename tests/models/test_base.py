"""What ms-swift is told about a base model, by its name on the hub or its files."""

import json
from pathlib import Path
from typing import Any

import pytest

from ketune.generation.local import check_images
from ketune.generation.prompts import Subject
from ketune.models import settle as base
from ketune.models.locate import Model
from ketune.models.settle import keep_files, require_trainable, settle_model
from ketune.params import Params
from ketune.runtime import StageError
from ketune.training.arguments import training_arguments
from tests.generation.test_prompts import prompt
from tests.training.conftest import ROOT, changed
from tests.training.test_arguments import pairs

PLUGINS = "ketune/models/plugins/"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Takes what config.json says of the only model on a hub, whatever its name."""
    monkeypatch.chdir(ROOT)

    def publish(name: str, **config: Any) -> Model:
        snapshot = tmp_path / f"models--{name.replace('/', '--')}" / "snapshots" / "c0ffee"
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text(json.dumps(config))

        monkeypatch.setattr(base, "hf_hub_download", lambda *_, **__: snapshot / "config.json")
        return Model(name, "c0ffee", "c0ffee")

    return publish


@pytest.mark.parametrize(
    ("name", "architecture", "model_type", "template", "plugins"),
    [
        (
            "Qwen/Qwen3-VL-8B-Instruct",
            "Qwen3VLForConditionalGeneration",
            "qwen3_vl",
            "qwen3_vl",
            [],
        ),
        (
            *("OpenGVLab/InternVL3_5-8B-HF", "InternVLForConditionalGeneration"),
            *("internvl", "internvl_hf", [PLUGINS + "internvl.py"]),
        ),
        (
            *("mistralai/Ministral-3-8B-Instruct-2512-BF16", "Mistral3ForConditionalGeneration"),
            *("mistral3", "mistral_2512", [PLUGINS + "mistral3.py"]),
        ),
        ("Qwen/Qwen2.5-Coder-14B-Instruct", "Qwen2ForCausalLM", "qwen2", "qwen2_5", []),
    ],
)
def test_the_hub_id_alone_is_enough(
    full: Params,
    hub: Any,
    name: str,
    architecture: str,
    model_type: str,
    template: str,
    plugins: list[str],
) -> None:
    model = hub(name, architectures=[architecture])
    params = settle_model(changed(full, model=name), model)
    assert (params.model_type, params.template) == (model_type, template)
    assert params.external_plugins == plugins
    assert params.attn_impl == full.attn_impl
    for plugin in plugins:
        assert Path(plugin).is_file()


def test_a_model_with_code_of_its_own_gets_the_only_attention_it_has(
    full: Params, hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "OpenGVLab/InternVL3_5-8B-MPO"
    model = hub(name, architectures=["InternVLChatModel"], model_type="internvl_chat")
    params = changed(full, model=name)
    monkeypatch.setattr(base, "find_spec", lambda _: None)
    with pytest.raises(StageError, match=r"timm, which is not installed; .*InternVL3_5-8B-HF"):
        settle_model(params, model)
    monkeypatch.setattr(base, "find_spec", lambda _: object())
    options = pairs(training_arguments(settle_model(params, model), model, Path("out"), None))
    assert options["model"] == [name]
    assert options["model_revision"] == ["c0ffee"]
    assert options["model_type"] == ["internvl_chat"]
    assert options["template"] == ["internvl3_5"]
    assert options["attn_impl"] == ["eager"]
    assert PLUGINS + "internvl.py" in options["external_plugins"]
    assert options["max_pixels"] == [str(full.max_pixels)]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        (
            "mistralai/Ministral-3-8B-Instruct-2512",
            "-S model=mistralai/Ministral-3-8B-Instruct-2512-BF16",
        ),
        ("Qwen/Qwen3-8B-FP8", "-S model=Qwen/Qwen3-8B"),
        ("someone/thing", "set model to its release in BF16"),
    ],
)
def test_a_quantised_release_is_refused_by_its_config_alone(
    hub: Any, name: str, remedy: str
) -> None:
    model = hub(name, quantization_config={"quant_method": "fp8"})
    with pytest.raises(StageError, match="holds FP8 weights") as raised:
        require_trainable(model)
    assert str(raised.value).endswith(remedy)


def test_what_cannot_be_told_is_asked_for_by_the_name_of_its_parameter(
    full: Params, hub: Any
) -> None:
    model = hub("a/b", architectures=["Mistral3ForConditionalGeneration"])
    params = changed(full, model="a/b")
    with pytest.raises(
        StageError, match=r"^model_type: .* mistral3, mistral3_2506; set model_type$"
    ):
        settle_model(params, model)
    params = changed(params, model_type="mistral3")
    assert settle_model(params, model).external_plugins == [PLUGINS + "mistral3.py"]
    with pytest.raises(StageError, match=r"^model_type: ms-swift knows no 'mistal3'"):
        settle_model(changed(params, model_type="mistal3"), model)
    with pytest.raises(StageError, match=r"^template: .* qwen3_nothinking .*; set template$"):
        settle_model(changed(params, model_type="qwen3"), model)


def test_a_directory_without_a_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"no readable config\.json"):
        require_trainable(Model(str(tmp_path), None, "digest"))


def test_a_merge_keeps_what_describes_the_model_but_not_other_weights(tmp_path: Path) -> None:
    source, merged = tmp_path / "base", tmp_path / "merged"
    for directory in (source, merged):
        directory.mkdir()
        (directory / "config.json").write_text(directory.name)
    kept = {"SYSTEM_PROMPT.txt", "tekken.json", "modeling.py", "LICENSE"}
    others = {"model-00001-of-00002.safetensors", "model.safetensors.index.json", "params.json"}
    others |= {"README.md", ".gitattributes", "pytorch_model.bin"}
    for name in kept | others:
        (source / name).write_text(name)
    assert set(keep_files(Model(str(source), None, "digest"), merged)) == kept
    assert {path.name for path in merged.iterdir()} == kept | {"config.json"}
    assert (merged / "config.json").read_text() == "merged"


def test_a_text_model_is_not_asked_about_images(full: Params, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["Qwen3ForCausalLM"]}')
    params = changed(full, model_type="qwen3", template="qwen3")
    subject = Subject("base", Model(str(tmp_path), None, "digest"), own_template=False)
    text, picture = prompt("a"), prompt("b", images=("circuit.png",))
    check_images(params, subject, [text])
    with pytest.raises(StageError, match=r"base: 1 prompts have images .* multimodal: false in"):
        check_images(params, subject, [text, picture])
    (tmp_path / "config.json").write_text('{"vision_config": {}}')
    check_images(params, subject, [text, picture])
