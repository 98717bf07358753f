"""Every run of the specification through the real ms-swift, two steps each on the tiny model.

Base models other than Qwen3-VL have their own tests (tests/models).
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ketune.adapters.conversion import CHANGES_BASE
from ketune.adapters.publish import effective_scaling
from ketune.merging.export import export_arguments
from ketune.params import Params, load_params
from ketune.studies.definition import Run, load_experiments
from tests.training.conftest import ROOT
from tests.training.forks import (
    MERGE,
    TRAIN,
    Forks,
    apply,
    copy_workspace,
    lengthen,
    small_workspace,
)
from tests.training.workspace import TINY, Workspace

pytestmark = pytest.mark.graph

RUNS = load_experiments(ROOT).runs
# Of runs with the same parameters at this scale, the first.
DISTINCT = {
    json.dumps(run.changes("smoke"), sort_keys=True): name
    for name, run in reversed(RUNS.items())
    if "model" not in run.changes("smoke")
}
ADAPTER = Path("models/adapter")
HERE = "tests.training.test_variants"


class Trained:
    """Workspaces after train, by name; each is made once."""

    def __init__(self, root: Path, forks: Forks) -> None:
        self.forks = forks
        self._root = root
        self._base = small_workspace(root / "base")
        self._made: dict[str, Workspace] = {}
        self.evaluated: list[float] = []  # the same rows in batches of another size

    def get(self, name: str, run: Run, dtype: str = "float32") -> Workspace:
        name = f"{name}-{dtype}"
        if name not in self._made:
            workspace = copy_workspace(self._base, self._root / name)
            apply(workspace, run)
            workspace.set(torch_dtype=dtype, bf16=dtype == "bfloat16")
            (workspace.root / "train.log").write_text(self.forks.run(workspace, TRAIN))
            self._made[name] = workspace
        return self._made[name]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    with Forks() as forks:
        yield Trained(tmp_path_factory.mktemp("variants"), forks)


@pytest.mark.parametrize("name", sorted(DISTINCT.values()))
def test_a_run_trains_what_it_says_and_merges_with_proof(name: str, trained: Trained) -> None:
    workspace = trained.get(name, RUNS[name])
    trained.forks.run(workspace, MERGE, f"{HERE}:load_with_plain_peft")
    params = load_params(workspace.root)
    metrics, proof = (
        workspace.json(f"models/{name}.record.json") for name in ("adapter", "merged")
    )
    plain = workspace.json("plain.json")

    scaling = effective_scaling(
        params.lora_rank, params.lora_alpha, rank_stabilised=params.use_rslora
    )
    printed = (workspace.root / "train.log").read_text()
    assert f"effective scaling {scaling:.4g} (" in printed
    assert metrics["effective_scaling"] == pytest.approx(scaling, abs=1e-5)
    assert plain["scaling"] == [pytest.approx(scaling)]
    assert f"adapters: {metrics['trainable_parameters']:,} trainable parameters" in printed

    parts = metrics["adapter_parameters"]
    assert (parts["vision_tower"], parts["aligner"] == 0) == (0, params.freeze_aligner)
    assert metrics["trainable_parameters"] == sum(parts.values())
    # PiSSA and OLoRA are published with their initial matrices beside the trained ones.
    published = 2 if params.init_weights in CHANGES_BASE else 1
    assert plain["trainable"] == published * metrics["trainable_parameters"]
    assert plain["dora"] is params.use_dora
    assert metrics["learning_rate_of_b"] == pytest.approx(
        params.learning_rate * (params.lorap_lr_ratio or 1)
    )

    # On the original base, by PEFT alone: the merged model, with and without an image.
    assert plain["largest_logit_difference"] < 1e-3
    assert proof["adapter_share"]["share"] == pytest.approx(1, abs=1e-3)
    assert proof["eval_loss"]["merged"] == pytest.approx(metrics["eval_loss"], abs=1e-4)


@pytest.mark.parametrize("size", [1, 3, 16])
def test_the_proof_has_trainings_loss_whatever_the_batches_hold(
    size: int, trained: Trained, tmp_path: Path
) -> None:
    """17 rows of unlike lengths: the last batch holds 1 or 2. Text models: tests/models."""
    workspace = small_workspace(tmp_path / "w")
    workspace._write_split("validation", 17)
    lengthen(workspace, "validation")
    workspace.set(per_device_eval_batch_size=size)
    trained.forks.run(workspace, TRAIN, MERGE)
    metrics, proof = (
        workspace.json(f"models/{name}.record.json") for name in ("adapter", "merged")
    )
    losses = proof["eval_loss"]
    assert losses["trained"] == pytest.approx(losses["adapter"], abs=5e-6)
    assert losses["trained"] == pytest.approx(losses["merged"], abs=5e-6)
    seen = [metrics[name] for name in ("eval_loss_first", "eval_loss", "eval_token_acc")]
    assert seen == pytest.approx(trained.evaluated or seen, abs=5e-6)
    trained.evaluated = seen


def test_lists_of_modules_adapt_those_modules(trained: Trained) -> None:
    run = Run(note="two projections", params={"target_modules": ["q_proj", "v_proj"]})
    workspace = trained.get("list", run)
    config = workspace.json(f"{ADAPTER}/adapter_config.json")
    assert sorted(config["target_modules"]) == ["q_proj", "v_proj"]
    parts = workspace.json("models/adapter.record.json")["adapter_parameters"]
    assert parts["llm"] > 0
    assert parts["aligner"] == parts["vision_tower"] == 0


def test_a_frozen_part_with_an_adapter_stops_training(trained: Trained) -> None:
    run = Run(note="the tower's attention", params={"target_modules": ["qkv", "q_proj"]})
    with pytest.raises(AssertionError, match="into the vision tower although freeze_vit is true"):
        trained.get("frozen", run)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("rslora", "merge_with_another_scaling"),
        ("rslora", "merge_without_the_aligner"),
        ("pissa", "publish_unconverted"),
        ("olora", "publish_unconverted"),
    ],
)
def test_a_broken_merge_fails_the_stage(
    name: str, fault: str, dtype: str, trained: Trained, tmp_path: Path
) -> None:
    broken = copy_workspace(trained.get(name, RUNS[name], dtype), tmp_path / "broken")
    shutil.rmtree(broken.root / "models/merged", ignore_errors=True)
    trained.forks.run(broken, f"{HERE}:{fault}")
    assert not (broken.root / "models/merged").exists()


@pytest.mark.parametrize("name", ["rslora", "dora", "pissa", "olora"])
def test_bfloat16_merges_pass(name: str, trained: Trained, tmp_path: Path) -> None:
    workspace = copy_workspace(trained.get(name, RUNS[name], "bfloat16"), tmp_path / "merged")
    trained.forks.run(workspace, MERGE)
    assert workspace.json("models/merged.record.json")["dtype"] == "bfloat16"


def test_a_resumed_pissa_publishes_the_same_adapter(trained: Trained, tmp_path: Path) -> None:
    """ms-swift overwrites the initial matrices of such a run when it resumes."""
    run = RUNS["pissa"]
    whole, resumed = Workspace(tmp_path / "whole"), Workspace(tmp_path / "resumed")
    for workspace in (whole, resumed):
        apply(workspace, run)
    trained.forks.run(whole, TRAIN)
    trained.forks.run(resumed, f"{HERE}:train_until_it_breaks")
    assert "resuming after step 4" in trained.forks.run(resumed, TRAIN)
    assert resumed.digests(str(ADAPTER)) == whole.digests(str(ADAPTER))


# Of the base before training and after six steps on 24 rows, float32, measured on x86-64 with the
# locked libraries; one thread or two gave the same digits. Another processor's rounding moves the
# fifth. For scale: adam_beta2 0.999 for 0.95 moves the second by 0.0022, dropout 0 by 0.016, a new
# seed by 0.025, a warm-up of 9 steps for 10 by 0.097. Not seen: weight decay and clipping (2e-5).
GOLDEN = (5.161699, 4.225238)
GOLDEN_TOLERANCE = 5e-4


def test_golden_losses(trained: Trained, tmp_path: Path) -> None:
    """A library upgrade that changes training, its template or its evaluation is seen here."""
    workspace = Workspace(tmp_path / "golden")
    trained.forks.run(workspace, TRAIN)
    metrics = workspace.json("models/adapter.record.json")
    assert metrics["eval_loss_first"] == pytest.approx(GOLDEN[0], abs=GOLDEN_TOLERANCE)
    assert metrics["final"]["eval_loss"] == pytest.approx(GOLDEN[1], abs=GOLDEN_TOLERANCE)


# What runs in a fork, in a workspace.


def load_with_plain_peft() -> None:
    """Hold the published adapter on the original base against the merged model: no ms-swift."""
    import torch  # noqa: PLC0415
    from peft import PeftModel  # noqa: PLC0415
    from peft.tuners.lora import LoraLayer  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415
    from transformers import AutoModelForImageTextToText, AutoProcessor  # noqa: PLC0415

    def load(path: Path) -> Any:
        return AutoModelForImageTextToText.from_pretrained(path, dtype=torch.float32)

    network = PeftModel.from_pretrained(load(TINY), ADAPTER, is_trainable=True).eval()
    layers = [module for module in network.modules() if isinstance(module, LoraLayer)]
    merged = load(Path("models/merged")).eval()
    processor = AutoProcessor.from_pretrained(TINY)
    picture = Image.new("RGB", (96, 64), (20, 90, 200))
    text = "<|im_start|>user\nWrite a circuit.<|im_end|>\n<|im_start|>assistant\nqc = "
    prompts = [
        processor(text=[text], return_tensors="pt"),
        processor(
            text=[f"<|vision_start|><|image_pad|><|vision_end|>{text}"],
            images=[picture],
            return_tensors="pt",
        ),
    ]
    with torch.inference_mode():
        difference = max(
            float((network(**prompt).logits - merged(**prompt).logits).abs().max())
            for prompt in prompts
        )
    plain = {
        "scaling": sorted({factor for layer in layers for factor in layer.scaling.values()}),
        "trainable": sum(p.numel() for p in network.parameters() if p.requires_grad),
        "dora": all(layer.lora_magnitude_vector for layer in layers),
        "largest_logit_difference": difference,
    }
    Path("plain.json").write_text(json.dumps(plain))


def merge_with_another_scaling() -> None:
    def change(params: Params, config: dict[str, Any], weights: dict[str, Any]) -> None:
        del params, weights
        config["lora_alpha"] *= 0.9

    _merge_another_adapter(change, match="of the adapter")


def merge_without_the_aligner() -> None:
    def change(params: Params, config: dict[str, Any], weights: dict[str, Any]) -> None:
        del params, config
        for name, weight in weights.items():
            if "merger" in name and "lora_B" in name:
                weight.zero_()

    _merge_another_adapter(change, match="merger.* of the adapter")


def publish_unconverted() -> None:
    """The trained A and B alone, on a base from which the initial ones were not taken."""

    def change(params: Params, config: dict[str, Any], weights: dict[str, Any]) -> None:
        rank = params.lora_rank
        config |= {"r": rank, "lora_alpha": params.lora_alpha}
        for name, weight in weights.items():
            kept = weight[:rank] if "lora_A" in name else weight[:, :rank]
            weights[name] = kept.clone().contiguous()

    _edit(ADAPTER, change)
    _expect_failure("as trained")


def train_until_it_breaks() -> None:
    from transformers import Trainer  # noqa: PLC0415

    from tests.training import forks  # noqa: PLC0415

    steps, train_step = iter(range(5)), Trainer.training_step

    def breaking(*arguments: Any, **named: Any) -> Any:
        next(steps)  # StopIteration in the sixth step
        return train_step(*arguments, **named)

    Trainer.training_step = breaking
    with pytest.raises(StopIteration):
        forks.train()


def _merge_another_adapter(change: Any, match: str) -> None:
    """Export an adapter that is not the published one, and prove it against the published one."""
    from stages import merge as stage  # noqa: PLC0415

    other = Path("other")
    shutil.copytree(ADAPTER, other)
    _edit(other, change)
    setattr(  # noqa: B010 (imported there, not exported)
        stage,
        "export_arguments",
        lambda params, base, _, target: export_arguments(params, base, other, target),
    )
    _expect_failure(match)


def _expect_failure(match: str) -> None:
    from ketune.runtime import StageError  # noqa: PLC0415
    from tests.training import forks  # noqa: PLC0415

    with pytest.raises(StageError, match=f"not its base with the adapter.*{match}"):
        forks.merge()


def _edit(adapter: Path, change: Any) -> None:
    from safetensors.torch import load_file, save_file  # noqa: PLC0415

    path, described = adapter / "adapter_model.safetensors", adapter / "adapter_config.json"
    weights, config = load_file(path), json.loads(described.read_text())
    change(load_params(), config, weights)
    save_file(weights, path, metadata={"format": "pt"})
    described.write_text(json.dumps(config))
