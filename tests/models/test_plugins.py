"""What our plugins make of ms-swift's templates and loader, on real processors and weights."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from ketune.merging.proof import Observation, observe
from ketune.models.load import build_template, load_model, load_plugins
from ketune.models.locate import Model
from ketune.models.settle import settle_model
from ketune.params import Params, load_params
from ketune.runtime import StageError
from ketune.tasks.samples import read_prepared
from tests.models.conftest import BASE, Make
from tests.models.models import TILE
from tests.training.conftest import ROOT, changed
from tests.training.workspace import TINY


@pytest.fixture
def load(make: Make, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Params, Model]]:
    """Goes to the workspace of a base model; returns its settled parameters and the model."""

    def go(name: str, **changes: Any) -> tuple[Params, Model]:
        made = make(name, **changes)
        monkeypatch.chdir(made.root)
        model = Model(BASE, None, "digest")
        return settle_model(load_params(), model), model

    return go


def test_a_padded_batch_has_the_losses_of_single_images(
    load: Callable[..., tuple[Params, Model]],
) -> None:
    params, model = load("ministral3", model_type="mistral3")
    samples = read_prepared(Path("data/prepared/validation.jsonl"))
    assert len({Image.open(s["images"][0]).size for s in samples if s["images"]}) == 3

    def batched(size: int) -> Observation:
        return observe(changed(params, per_device_eval_batch_size=size), model, samples)

    single, batch = batched(1), batched(8)
    # Every answer has as many tokens, or the means of batches would weigh otherwise.
    assert len({len(logits) for logits in single.logits}) == 1
    assert batch.eval_loss == pytest.approx(single.eval_loss, abs=1e-5)
    for one, other in zip(single.logits, batch.logits, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("tiles", "seen"), [(1, 1), (4, 3 + 1), (12, 12 + 1), (99, 12 + 1)])
def test_max_pixels_bounds_the_tiles_of_internvl(
    load: Callable[..., tuple[Params, Model]], tmp_path: Path, tiles: int, seen: int
) -> None:
    params, model = load("internvl", model_type="auto", max_pixels=TILE * TILE * tiles)
    encoded, template = _encode(params, model, tmp_path, (400, 130))
    # A thumbnail follows more than one tile; each tile has four tokens.
    assert encoded["pixel_values"].shape == (seen, 3, TILE, TILE)
    assert encoded["input_ids"].count(template.config.image_token_id) == 4 * seen


def test_max_pixels_bounds_the_image_that_ministral_sees(
    load: Callable[..., tuple[Params, Model]], tmp_path: Path
) -> None:
    params, model = load("ministral3", model_type="mistral3", max_pixels=4096)
    encoded, _ = _encode(params, model, tmp_path, (120, 120))
    assert encoded["image_sizes"].tolist() == [[64, 64]]
    assert encoded["input_ids"].count(10) == 16  # 2 by 2 patches of 8 pixels a token


def _encode(params: Params, model: Model, folder: Path, size: tuple[int, int]) -> tuple[Any, Any]:
    """A prompt with one image as the model's template encodes it, and the template."""
    load_plugins(params)
    from swift.model import get_processor  # noqa: PLC0415 - seconds to import

    processor = get_processor(model.name, use_hf=True, model_type=params.model_type)
    template = build_template(params, processor)
    Image.new("RGB", size).save(folder / "image.png")
    prompt = {"role": "user", "content": "<image>What?"}
    return template.encode({"messages": [prompt], "images": [str(folder / "image.png")]}), template


@pytest.fixture
def smoke(monkeypatch: pytest.MonkeyPatch) -> Params:
    monkeypatch.chdir(ROOT)
    return changed(
        load_params(ROOT), use_cpu=True, torch_dtype="float32", bf16=False, attn_impl="sdpa"
    )


@pytest.mark.parametrize(
    ("model_type", "architecture"),
    [
        # The first would start every parameter of the model at random, the second would load them
        # all and take none for the vision tower.
        ("llava_llama3_hf", "LlavaForConditionalGeneration"),
        ("internvl", "InternVLForConditionalGeneration"),
        ("qwen2_5_vl", "Qwen2_5_VLForConditionalGeneration"),
        ("qwen3", "Qwen3ForCausalLM"),
    ],
)
def test_a_model_type_of_another_architecture_is_refused(
    smoke: Params, model_type: str, architecture: str
) -> None:
    params = changed(smoke, model_type=model_type)
    with pytest.raises(
        StageError, match=rf"^model_type: '{model_type}' is for {architecture}, and "
    ):
        load_model(params, Model(str(TINY), None, ""))


LAYER = "model.language_model.layers.3.mlp.up_proj.weight"


def _drop(weights: dict[str, torch.Tensor]) -> None:
    del weights[LAYER]


def _add(weights: dict[str, torch.Tensor]) -> None:
    weights |= {LAYER.replace(".3.", f".{layer}."): torch.zeros(1) for layer in range(9, 14)}


def _cut(weights: dict[str, torch.Tensor]) -> None:
    weights[LAYER] = weights[LAYER][:7].clone()


@pytest.mark.parametrize(
    ("damage", "trouble"),
    [
        (_drop, f"1 parameters are in none of its files and would start at random ({LAYER})"),
        (_add, f"5 weights of its files would be left out ({LAYER.replace('.3.', '.9.')}, model."),
        (_cut, f"1 weights have another shape ({LAYER})"),
    ],
)
def test_a_model_that_does_not_load_whole_is_refused(
    smoke: Params,
    damage: Callable[[dict[str, torch.Tensor]], None],
    trouble: str,
    tmp_path: Path,
) -> None:
    copy = Path(shutil.copytree(TINY, tmp_path / "copy"))
    params = changed(smoke, model_type="qwen3_vl", template="qwen3_vl")
    model = Model(str(copy), None, "")
    # The head is tied to the embedding, and in no file.
    weights = load_file(copy / "model.safetensors")
    assert "lm_head.weight" not in weights
    load_model(params, model)
    damage(weights)
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(StageError) as raised:
        load_model(params, model)
    told = str(raised.value)
    assert told.startswith("model_type: copy does not load as Qwen3VLForConditionalGeneration, ")
    assert trouble in told
    assert "\n" not in told


def test_an_architecture_that_ms_swift_does_not_list_is_held_by_its_weights_alone(
    smoke: Params, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(TINY, tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"architectures": ["OwnModel"]}))
    params = changed(smoke, model_type="qwen3_vl", template="qwen3_vl")
    load_model(params, Model(str(copy), None, ""))
    params = changed(params, model_type="llava_llama3_hf")
    with pytest.raises(StageError, match=r"55 parameters are in none .*; 51 weights of its files"):
        load_model(params, Model(str(copy), None, ""))
