"""params.yaml, dvc.yaml, the profiles and ms-swift agree."""

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from ketune.models.locate import directory_sha256
from ketune.params import Params, flatten, load_params
from ketune.training.arguments import OWN_KEYS, training_keys

REPOSITORY = Path(__file__).parents[2]
SECTIONS = {"data", "generation", "evaluation"}


def read(name: str) -> dict[str, Any]:
    tree: dict[str, Any] = YAML(typ="safe", pure=True).load(REPOSITORY / name)
    return tree


def tracked(stage: dict[str, Any], file: str = "params.yaml") -> set[str]:
    """Keys of `file` that a stage of dvc.yaml tracks."""
    keys: set[str] = set()
    stage = stage.get("do", stage)
    for entry in stage.get("params", []):
        if isinstance(entry, str) and file == "params.yaml":
            keys.add(entry)
        elif isinstance(entry, dict):
            keys.update(entry.get(file) or [])
    return keys


def covers(tracked_keys: set[str], key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in tracked_keys)


def test_dvc_leaves_the_committed_file_as_it_is(tmp_path: Path) -> None:
    copy = tmp_path / "params.yaml"
    shutil.copy(REPOSITORY / "params.yaml", copy)
    apply_overrides(str(copy), ["lora_rank=32"])
    assert copy.read_text() == (REPOSITORY / "params.yaml").read_text()


def test_an_experiment_is_a_one_line_diff(tmp_path: Path) -> None:
    copy = tmp_path / "params.yaml"
    shutil.copy(REPOSITORY / "params.yaml", copy)
    apply_overrides(str(copy), ["lora_rank=64"])
    before = (REPOSITORY / "params.yaml").read_text().splitlines()
    after = copy.read_text().splitlines()
    assert len(before) == len(after)
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert changed == [("lora_rank: 32", "lora_rank: 64")]


def test_dvc_can_empty_every_list(tmp_path: Path) -> None:
    """It breaks the file where a list with a comment beside its key gets empty."""
    copy = tmp_path / "params.yaml"
    values = flatten(read("params.yaml"))
    lists = [f"{key}=[]" for key, value in values.items() if isinstance(value, list)]
    for change in lists:
        shutil.copy(REPOSITORY / "params.yaml", copy)
        apply_overrides(str(copy), [change])
        written = flatten(YAML(typ="safe", pure=True).load(copy))
        assert written == values | {change.removesuffix("=[]"): []}


def test_every_key_is_tracked_by_a_stage() -> None:
    stages = read("dvc.yaml")["stages"].values()
    keys = set().union(*(tracked(stage, "params.yaml") for stage in stages))
    keys |= {stage["foreach"].strip("${}") for stage in stages if "foreach" in stage}
    untracked = [key for key in flatten(read("params.yaml")) if not covers(keys, key)]
    assert untracked == []


def test_no_training_key_generates_a_baseline_again() -> None:
    stages = read("dvc.yaml")["stages"]
    baseline = tracked(stages["generate_baseline"], "params.yaml")
    assert "model" in baseline
    shared = {key for key in baseline if "." not in key} - {"benchmarks"}
    assert {"lora_rank", "learning_rate", "seed"} & shared == set()
    # What train tracks too is the model, its template and the machine.
    assert shared - tracked(stages["train"], "params.yaml") == set()
    assert len(shared) == 10
    # Of the file that describes it, everything.
    assert {"baselines/${item}.yaml": None} in stages["generate_baseline"]["do"]["params"]


def test_every_training_key_is_an_argument_of_the_pinned_swift() -> None:
    from swift.arguments import SftArguments  # noqa: PLC0415 - takes ten seconds to import

    arguments = {field.name for field in dataclasses.fields(SftArguments)}
    training = training_keys(load_params(REPOSITORY))
    assert set(training) - arguments == OWN_KEYS
    assert len(training) > 40


def test_the_recommended_configuration_is_the_specifications() -> None:
    params: Params = load_params(REPOSITORY)
    recommended = {
        "model": "Qwen/Qwen3-VL-8B-Instruct",
        "torch_dtype": "bfloat16",
        "attn_impl": "flash_attn",
        "lora_rank": 32,
        "lora_alpha": 64,
        "lora_dropout": 0.10,
        "use_rslora": True,
        "use_dora": False,
        "target_modules": "all-linear",
        "freeze_llm": False,
        "freeze_vit": True,
        "freeze_aligner": False,
        "learning_rate": 2e-4,
        "lr_scheduler_type": "cosine",
        "optim": "adamw_torch",
        "weight_decay": 0.05,
        "warmup_steps": 10,
        "num_train_epochs": 1,
        "per_device_train_batch_size": 16,
        "gradient_accumulation_steps": 2,
        "eval_steps": 20,
        "gradient_checkpointing": True,
        "max_pixels": 1003520,
        "bf16": True,
        "use_cpu": False,
        "external_plugins": [],
        "nproc_per_node": 1,
        "nnodes": 1,
    }
    assert {key: getattr(params, key) for key in recommended} == recommended, (
        "params.yaml holds another configuration than the recommended one; "
        "run `ketune profile full`"
    )
    assert params.data.source == "samuellimabraz/quantum-assistant"
    assert params.data.image_max_size == 640
    rows = params.data.synthetic_train, params.data.synthetic_validation
    assert (*rows, params.data.synthetic_test) == (5837, 1239, 1290)
    assert (params.generation.backend, params.generation.max_new_tokens) == ("vllm", 4096)
    assert len(params.benchmarks) == 3
    assert params.evaluation.timeout == 60


def test_the_smoke_profile_pins_the_tiny_model_as_committed() -> None:
    smoke = read("profiles/smoke.yaml")
    digest = directory_sha256(REPOSITORY / smoke["model"])
    assert smoke["model_revision"] == digest[:12]
