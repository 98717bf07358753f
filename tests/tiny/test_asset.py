"""The shipped base model is a Qwen3-VL that transformers and ms-swift load unmodified."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoProcessor, Qwen3VLForConditionalGeneration


@pytest.fixture(scope="module")
def processor(asset: str) -> AutoProcessor:
    return AutoProcessor.from_pretrained(asset)


@pytest.fixture(scope="module")
def model(asset: str) -> Qwen3VLForConditionalGeneration:
    return Qwen3VLForConditionalGeneration.from_pretrained(asset, dtype=torch.float32).eval()


def picture() -> Image.Image:
    """A wire with one red box, of the generator's canvas."""
    image = Image.new("RGB", (512, 384), "white")
    image.paste("black", (60, 66, 300, 69))
    image.paste("#FA4D56", (100, 45, 146, 91))
    return image


def test_weights_fit_and_are_those_of_the_readme(asset: str) -> None:
    weights = Path(asset, "model.safetensors").read_bytes()
    assert len(weights) <= 6_000_000
    assert hashlib.sha256(weights).hexdigest() in Path(asset, "README.md").read_text()


def test_every_linear_layer_takes_the_recommended_rank(
    model: Qwen3VLForConditionalGeneration,
) -> None:
    sizes = [min(m.weight.shape) for m in model.modules() if isinstance(m, torch.nn.Linear)]
    assert min(sizes) >= 32


def test_answers_a_picture_in_a_chat_with_openqasm(
    processor: AutoProcessor, model: Qwen3VLForConditionalGeneration
) -> None:
    content = [{"type": "image"}, {"type": "text", "text": "Build the circuit shown."}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )
    inputs = processor(text=[text], images=[picture()], return_tensors="pt")
    answers = model.generate(**inputs, max_new_tokens=24, do_sample=False)
    answer = processor.decode(answers[0, inputs["input_ids"].shape[1] :])
    assert answer.startswith("OPENQASM 2.0;")


def test_log_shows_learning(asset: str) -> None:
    lines = [json.loads(line) for line in Path(asset, "pretrain.log").read_text().splitlines()]
    first, last = lines[0]["loss"], lines[-1]["loss"]
    assert last["figure_chat"] < first["figure_chat"] / 4


def test_template_expands_an_image_to_its_tokens(asset: str) -> None:
    pytest.importorskip("qwen_vl_utils")
    from swift import get_processor, get_template  # noqa: PLC0415

    import ketune.models.plugins.tiny_qwen3_vl  # noqa: F401, PLC0415

    processor = get_processor(asset, model_type="qwen3_vl", use_hf=True)
    template = get_template(processor, template_type="tiny_qwen3_vl", max_pixels=12288)
    template.set_mode("train")
    row = {
        "messages": [
            {"role": "user", "content": "<image>What is this?"},
            {"role": "assistant", "content": "A circuit."},
        ],
        "images": [picture()],
    }
    encoded = template.encode(row)
    image = json.loads(Path(asset, "config.json").read_text())["image_token_id"]
    assert encoded["input_ids"].count(image) == 12
    assert encoded["image_grid_thw"].tolist() == [[1, 6, 8]]
