"""Our FLOP formulae against torch's own count of what really runs."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.architecture import QWEN3_VL_8B
from ketune.params import Params
from ketune.training.flops import (
    Architecture,
    Work,
    count_flops,
    read_architecture,
    tokens_of_image,
)
from ketune.training.schedule import adapter_parameters
from tests.training.conftest import changed, full

__all__ = ["full"]

TINY: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "assets/tiny-qwen3-vl/config.json").read_text()
)
FREEZES = [
    {"freeze_vit": True, "freeze_aligner": False},  # the specification's
    {"freeze_vit": True, "freeze_aligner": True},
    {"freeze_vit": False, "freeze_aligner": False},
]
NOTHING = {"vision_tower": 0, "aligner": 0, "llm": 0}
PARTS = {"visual.blocks": "freeze_vit", "merger": "freeze_aligner", "language_model": "freeze_llm"}


def is_adapted(name: str, params: Params) -> bool:
    freeze = next((key for inside, key in PARTS.items() if inside in name), None)
    return freeze is not None and not getattr(params, freeze)


def network(config: dict[str, Any], device: str) -> Any:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration  # noqa: PLC0415

    with torch.device(device):
        # Eager attention is plain matrix products, which the counter knows on every device.
        return Qwen3VLForConditionalGeneration._from_config(
            Qwen3VLConfig(**config), attn_implementation="eager"
        )


def architecture_of(config: dict[str, Any]) -> Architecture:
    architecture = read_architecture(config)
    assert architecture is not None
    return architecture


@pytest.mark.parametrize("frozen", FREEZES)
def test_forward_and_backward_of_lora_are_what_torch_counts(
    full: Params, frozen: dict[str, bool]
) -> None:
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415

    plain, rank = network(TINY, "cpu"), 8
    params = changed(full, lora_rank=rank, **frozen)
    adapted = [
        name
        for name, module in plain.named_modules()
        if isinstance(module, torch.nn.Linear) and is_adapted(name, params)
    ]
    model = get_peft_model(plain, LoraConfig(r=rank, target_modules=adapted)).train()
    rows, length, scored, grid = 2, 64, 20, (8, 12)
    patches = grid[0] * grid[1]
    ids = torch.full((rows, length), 7)
    ids[:, 4 : 4 + patches // 4] = TINY["image_token_id"]
    with FlopCounterMode(display=False) as forward:
        output = model(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            mm_token_type_ids=(ids == TINY["image_token_id"]).long(),
            pixel_values=torch.zeros(rows * patches, 3 * 2 * 16 * 16),
            image_grid_thw=torch.tensor([[1, *grid]] * rows),
            logits_to_keep=scored,
        )
    with FlopCounterMode(display=False) as backward:
        output.logits.float().mean().backward()
    work = Work(
        rows=rows,
        tokens=rows * length,
        squares=rows * length**2,
        scored=rows * scored,
        patches=rows * patches,
        patch_squares=rows * patches**2,
    )
    architecture = architecture_of(TINY)
    adapters = adapter_parameters(params, architecture)
    assert sum(adapters.values()) == sum(
        weight.numel() for weight in model.parameters() if weight.requires_grad
    )
    flops = count_flops(architecture, adapters, work)
    assert flops.forward == pytest.approx(forward.get_total_flops(), rel=1e-3)
    # The first layers' inputs need no gradient where nothing before them is trained.
    assert flops.backward == pytest.approx(backward.get_total_flops(), rel=0.06)
    assert flops.backward >= backward.get_total_flops()


def test_forward_of_the_8b_model_is_what_torch_counts_on_meta_tensors() -> None:
    model, length, scored = network(QWEN3_VL_8B, "meta"), 512, 100
    # Public figures: 8.77 billion parameters, 36 layers.
    assert sum(weight.numel() for weight in model.parameters()) == 8_767_123_696
    assert len(model.model.language_model.layers) == 36
    grid = (40, 30)
    patches = grid[0] * grid[1]
    architecture = architecture_of(QWEN3_VL_8B)
    with torch.no_grad(), FlopCounterMode(display=False) as text:
        model(inputs_embeds=torch.zeros(1, length, 4096, device="meta"), logits_to_keep=scored)
    seen = Work(rows=1, tokens=length, squares=length**2, scored=scored)
    counted = count_flops(architecture, NOTHING, seen).forward
    assert counted == pytest.approx(text.get_total_flops(), rel=1e-3)
    with torch.no_grad(), FlopCounterMode(display=False) as vision:
        tower, hidden = model.model.visual, torch.zeros(patches, 1152, device="meta")
        turns = torch.zeros(patches, 72, device="meta")
        tower.patch_embed(torch.zeros(patches, 3 * 2 * 16 * 16, device="meta"))
        for block in tower.blocks:
            block(hidden, torch.tensor([0, patches]), position_embeddings=(turns, turns))
        for merger in (tower.merger, *tower.deepstack_merger_list):
            merger(hidden)
    looked = Work(patches=patches, patch_squares=patches**2)
    counted = count_flops(architecture, NOTHING, looked).forward
    assert counted == pytest.approx(vision.get_total_flops(), rel=1e-3)


def test_recomputation_is_a_second_forward_pass_of_the_language_model(full: Params) -> None:
    architecture = architecture_of(QWEN3_VL_8B)
    work = Work(rows=32, tokens=32 * 700, squares=32 * 700**2, scored=32 * 300)
    flops = count_flops(architecture, adapter_parameters(full, architecture), work)
    head = 2 * architecture.parts["head"].weights * work.scored
    assert flops.recompute == pytest.approx(flops.forward - head)


def test_other_layouts_have_the_weights_that_transformers_builds() -> None:
    from transformers import AutoConfig, AutoModelForImageTextToText  # noqa: PLC0415

    text = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3}
    text |= {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 512}
    sight = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "patch_size": 14}
    configs = {
        "internvl": {
            "text_config": text | {"model_type": "qwen3"},
            "vision_config": sight | {"num_attention_heads": 4, "image_size": [28, 28]},
            "downsample_ratio": 0.5,
        },
        "mistral3": {
            "text_config": text | {"model_type": "mistral"},
            "vision_config": sight
            | {"num_attention_heads": 4, "model_type": "pixtral", "head_dim": 12},
            "spatial_merge_size": 2,
        },
    }
    for kind, settings in configs.items():
        config = AutoConfig.for_model(kind, **settings)
        with torch.device("meta"):
            model = AutoModelForImageTextToText.from_config(config)
        built = {"head": 0, "aligner": 0, "vision": 0, "llm": 0}
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
                place = next(
                    key
                    for key, inside in (
                        ("head", "lm_head"),
                        ("aligner", "projector"),
                        ("vision", "vision_tower"),
                        ("llm", ""),
                    )
                    if inside in name
                )
                built[place] += module.weight.numel()
        architecture = architecture_of(config.to_dict())
        weights = {part: layers.weights for part, layers in architecture.parts.items()}
        assert weights["head"] == built["head"]
        assert weights["llm"] == built["llm"]
        assert weights["embedding"] + weights["vision_tower"] == built["vision"]
        assert weights["entry"] + weights["aligner"] == built["aligner"]


def test_what_is_not_known_is_not_guessed() -> None:
    assert read_architecture({"architectures": ["Mamba"], "d_model": 64}) is None
    strange = TINY | {"vision_config": {"hidden_size": 8, "intermediate_size": 8, "patch_size": 4}}
    assert read_architecture(strange) is None
    text = TINY["text_config"]
    for change in ({"n_routed_experts": 8}, {"hidden_act": "gelu_new"}, {"hidden_act": "relu2"}):
        assert read_architecture(text | change) is None
    assert read_architecture(text | {"num_experts": 0}) is not None
    assert read_architecture({k: v for k, v in TINY.items() if k != "vision_config"}) is not None


def test_an_image_becomes_tokens_by_its_area_up_to_the_bound() -> None:
    architecture = architecture_of(QWEN3_VL_8B)
    assert tokens_of_image(architecture, 640, 480, 1003520) == 300
    assert tokens_of_image(architecture, 4000, 4000, 1003520) == 980
    assert tokens_of_image(architecture, 5, 5, 1003520) == 1
