"""train → merge → generate on random tiny models of each kind of architecture."""

import sys
from typing import Any

import pytest

from ketune.tasks.completions import read_completions
from tests.models.conftest import BaseModel, Make
from tests.models.models import TILE
from tests.training.forks import MERGE, TRAIN, lengthen

pytestmark = pytest.mark.graph

GENERATE = "tests.models.test_stages:generate"
NAMES: dict[str, dict[str, Any]] = {
    # Its architecture is that of one model type. Four tiles.
    "internvl": {"model_type": "auto", "max_pixels": 4 * TILE**2},
    "ministral3": {"model_type": "mistral3"},
    "qwen3": {"model_type": "qwen3", "template": "qwen3"},
}


def generate() -> None:
    """The generate stage for the fine-tuned model."""
    from stages import generate as stage  # noqa: PLC0415 - seconds to import

    sys.argv = ["generate", "finetuned"]
    stage.main()


@pytest.fixture(scope="module", params=NAMES)
def trained(request: pytest.FixtureRequest, make: Make) -> BaseModel:
    """A base model after train, merge and generate, each in a process of its own.

    Of 8 validation rows of unlike lengths the last batch holds 2.
    """
    model = make(request.param, **NAMES[request.param], per_device_eval_batch_size=3)
    lengthen(model.workspace, "validation")
    if request.param == "qwen3":
        model.drop_images()
    for stage in (TRAIN, MERGE, GENERATE):
        model.run(stage)
    return model


def test_batches_of_unlike_images_train_every_part_but_the_frozen(trained: BaseModel) -> None:
    metrics = trained.workspace.json("models/adapter.record.json")
    assert metrics["eval_loss"] < metrics["eval_loss_first"]
    assert metrics["last_step"] == 6
    parts = metrics["adapter_parameters"]
    assert parts["vision_tower"] == 0  # freeze_vit
    assert parts["llm"] > 0
    sees = (trained.base / "processor_config.json").is_file()
    assert (parts["aligner"] > 0) == sees


def test_the_merge_is_proven_and_nothing_that_inference_reads_is_lost(trained: BaseModel) -> None:
    proof = trained.workspace.json("models/merged.record.json")
    assert proof["largest_logit_difference"] < 1e-3
    assert proof["top1_agreement"] == 1.0
    assert proof["eval_loss"]["merged"] == pytest.approx(proof["eval_loss"]["trained"], abs=1e-4)
    base, merged = (
        {path.name for path in directory.iterdir()}
        for directory in (trained.base, trained.root / "models/merged")
    )
    # params.json describes weights in Mistral's own format, which are not there.
    assert base - merged <= {"params.json"}


@pytest.mark.parametrize("trained", ["internvl"], indirect=True)
def test_the_merged_model_has_the_bound_on_tiles_in_its_files(trained: BaseModel) -> None:
    processor = trained.workspace.json("models/merged/processor_config.json")
    assert processor["image_processor"]["max_patches"] == 4


def test_every_task_is_answered(trained: BaseModel) -> None:
    completions = read_completions(trained.root / "data/completions/finetuned.jsonl")
    assert {c["task_id"] for c in completions} == {f"dataset/test-{row:06d}" for row in range(6)}
    provenance = trained.workspace.json("data/completions/finetuned.record.json")["provenance"]
    assert provenance["template"] != "auto"


@pytest.mark.parametrize("name", ["internvl", "ministral3"])
def test_what_is_frozen_gets_no_adapter(make: Make, name: str) -> None:
    model = make(name, **NAMES[name])
    model.workspace.set(freeze_vit=False, freeze_aligner=True)
    model.run(TRAIN)
    parts = model.workspace.json("models/adapter.record.json")["adapter_parameters"]
    assert parts["vision_tower"] > 0
    assert parts["aligner"] == 0
    assert parts["llm"] > 0


def test_a_text_model_is_not_trained_on_images(make: Make) -> None:
    model = make("qwen3", **NAMES["qwen3"])
    with pytest.raises(AssertionError, match=r"train\.jsonl: 12 of 24 rows have images") as raised:
        model.run(TRAIN)
    assert str(raised.value).rstrip().endswith("or data.source to rows without images")
    assert not (model.root / "models").exists()


def test_a_wrong_model_type_trains_nothing(make: Make) -> None:
    model = make("internvl", model_type="qwen3_vl", template="qwen3_vl")
    with pytest.raises(AssertionError) as raised:
        model.run(TRAIN)
    assert str(raised.value).splitlines()[-1] == (
        "ketune.runtime.StageError: model_type: 'qwen3_vl' is for Qwen3VLForConditionalGeneration, "
        "and base is a InternVLForConditionalGeneration; set model_type to auto, or to one of "
        "internvl"
    )
    assert not (model.root / "models").exists()
    # Nothing that a later run would go on from.
    assert not list(model.workspace.cache.rglob("*-[0-9]*"))
