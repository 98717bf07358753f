"""The pretraining loss is transformers' own Qwen3-VL loss."""

import pytest
import torch
from torch.nn import functional as F
from transformers import Qwen3VLForConditionalGeneration

from tools.tiny.forward import GRID, IMAGE_TOKENS, PATCHES, make_loss
from tools.tiny.pretrain import patches, rotary


@pytest.fixture(scope="module")
def model(asset: str) -> Qwen3VLForConditionalGeneration:
    return Qwen3VLForConditionalGeneration.from_pretrained(asset, dtype=torch.float32).eval()


def test_loss_equals_transformers(model: Qwen3VLForConditionalGeneration) -> None:
    generator = torch.Generator().manual_seed(0)
    rows, length, image = 2, 80, model.config.image_token_id
    ids = torch.randint(0, 400, (rows, length), generator=generator)
    ids[0, 3 : 3 + IMAGE_TOKENS] = image
    ids[1, 20 : 20 + IMAGE_TOKENS] = image
    targets = torch.cat([ids[:, 1:], torch.full((rows, 1), -100)], 1)
    shown = ids == image
    slots = torch.where(shown, (shown.flatten().cumsum(0) - 1).view_as(ids), -1)
    pixels = torch.randn(rows, PATCHES, 768, generator=generator)
    frames = pixels.view(-1, 3, 1, 256).expand(-1, -1, 2, -1).reshape(rows * PATCHES, -1)
    with torch.no_grad():
        ours = make_loss(model, torch.float32, compiled=False)(
            ids, targets, *rotary(model, ids, slots), pixels, slots
        )
        logits = model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            mm_token_type_ids=shown.int(),
            image_grid_thw=torch.tensor([[1, *GRID]] * rows),
            pixel_values=frames,
        ).logits
    theirs = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    torch.testing.assert_close(ours.flatten(), theirs, atol=2e-4, rtol=2e-4)


def test_patches_equal_the_processors(asset: str) -> None:
    from transformers import AutoProcessor  # noqa: PLC0415

    pictures = torch.randint(0, 256, (1, 96, 128, 3), generator=torch.Generator().manual_seed(1))
    array = pictures.to(torch.uint8).numpy()
    theirs = AutoProcessor.from_pretrained(asset).image_processor(
        images=[array[0]], return_tensors="pt"
    )
    frames = theirs["pixel_values"].view(PATCHES, 3, 2, 256)
    torch.testing.assert_close(patches(array)[0], frames[:, :, 0].flatten(1), atol=1e-5, rtol=0)
