"""What our plugins make of ms-swift's templates, on the real processors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from stages.dataset.prepared import read_prepared
from stages.params import Params, load_params
from stages.swift.base import settle_model
from stages.swift.inference import build_template, load_plugins
from stages.swift.model import Model
from stages.swift.proof import Observation, observe
from tests.basemodels.conftest import BASE, Make
from tests.basemodels.models import TILE
from tests.swift.conftest import changed


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
