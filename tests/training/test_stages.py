"""train → merge → generate as users run them, on a tiny model and a few rows."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ketune.models.locate import Model
from ketune.params import load_params
from ketune.runtime import StageError, file_sha256
from ketune.tasks.completions import read_completions
from tests.training.workspace import EVERY, TINY, Workspace

pytestmark = [
    pytest.mark.graph,
    pytest.mark.skipif(not TINY.is_dir(), reason=f"{TINY} is not there"),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace after train, merge and generate."""
    workspace = Workspace(tmp_path_factory.mktemp("trained"))
    workspace.run("stages.train")
    workspace.run("stages.merge")
    workspace.run("stages.generate", "finetuned")
    return workspace


def test_training_lowers_the_loss_and_accounts_for_itself(trained: Workspace) -> None:
    metrics = trained.json("models/adapter.record.json")
    assert metrics["eval_loss"] < metrics["eval_loss_first"]
    assert metrics["last_step"] == 6
    assert metrics["effective_scaling"] == pytest.approx(64 / 32**0.5, abs=1e-6)
    parts = metrics["adapter_parameters"]
    assert parts["vision_tower"] == 0  # freeze_vit
    assert parts["aligner"] > 0
    assert metrics["trainable_parameters"] == sum(parts.values())
    assert 0 < metrics["trainable_share"] < 1
    assert metrics["samples_per_second"] > 0
    assert metrics["tokens_per_second"] > metrics["samples_per_second"]
    assert metrics["peak_memory_gib"]["resident"] > 0.1
    assert metrics["provenance"]["resumed"] == 0
    curve = (trained.root / "metrics/curve_train.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in curve] == ["step", *map(str, range(1, 7))]
    curve = (trained.root / "metrics/curve_eval.csv").read_text().splitlines()
    assert curve[1].startswith("0,0,")


def test_nothing_is_left_behind(trained: Workspace) -> None:
    left = [path.name for path in trained.cache.rglob("*") if path.is_file()]
    assert left == ["peaks.json"]  # the rate of this device, for every run
    artifacts = {"adapter", "merged"}
    made = artifacts | {f"{name}.record.json" for name in artifacts}
    assert {path.name for path in (trained.root / "models").iterdir()} == made
    text = (trained.root / "models/adapter/adapter_config.json").read_text()
    assert str(trained.root) not in text + (trained.root / "models/merged/args.json").read_text()


def test_the_merge_is_proven(trained: Workspace) -> None:
    proof = trained.json("models/merged.record.json")
    assert proof["largest_logit_difference"] < 1e-4
    assert proof["top1_agreement"] == 1.0
    assert proof["prompts"] == 8
    assert proof["eval_loss"]["trained"] == trained.json("models/adapter.record.json")["eval_loss"]
    assert proof["eval_loss"]["merged"] == pytest.approx(proof["eval_loss"]["trained"], abs=1e-4)


def test_every_task_is_answered_in_order_with_and_without_its_image(trained: Workspace) -> None:
    completions = read_completions(trained.root / "data/completions/finetuned.jsonl")
    expected = []
    for row in range(6):
        conditions = ["standard", "blank_images"] if row % 2 == 0 else ["standard"]
        expected += [(f"dataset/test-{row:06d}", condition) for condition in conditions]
    assert [(c["task_id"], c["condition"]) for c in completions] == expected


def test_a_killed_training_resumes_to_the_same_adapter(trained: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    process = workspace.start("stages.train")
    while not list(workspace.cache.glob(f"train/*/checkpoint-{EVERY}/sealed.json")):
        assert process.poll() is None, process.communicate()[1][-4000:]
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (workspace.root / "models").exists()
    assert not (workspace.root / "metrics").exists()
    output = workspace.run("stages.train")
    assert "resuming after step" in output
    assert workspace.digests("models/adapter") == trained.digests("models/adapter")
    resumed, whole = (
        workspace.json("models/adapter.record.json"),
        trained.json("models/adapter.record.json"),
    )
    assert resumed["provenance"]["resumed"] == 1
    for name in ("eval_loss", "eval_loss_first", "train_loss", "train_token_acc", "best_step"):
        assert resumed[name] == whole[name]
    for name in ("metrics/curve_train.csv", "metrics/curve_eval.csv"):
        assert (workspace.root / name).read_bytes() == (trained.root / name).read_bytes()


# What a user of the adapter has: PEFT and transformers, not this library.
_LOAD = """
import sys
import torch
from peft import PeftModel
from transformers import AutoModelForImageTextToText

load = AutoModelForImageTextToText.from_pretrained
base, adapter, merged = sys.argv[1:]
tokens = {"input_ids": torch.arange(20, 60)[None], "attention_mask": torch.ones(1, 40).long()}
with torch.no_grad():
    tuned = PeftModel.from_pretrained(load(base, dtype=torch.float32), adapter)
    with tuned.disable_adapter():
        before = tuned(**tokens).logits
    after = tuned(**tokens).logits
    whole = load(merged, dtype=torch.float32)(**tokens).logits
assert "ketune" not in sys.modules
print((after - whole).abs().max().item(), (after - before).abs().max().item())
"""


def test_peft_alone_loads_what_is_published(trained: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "w"
    shutil.copytree(trained.root, root, symlinks=True)
    base = {"model": str(TINY), "commit": None, "digest": "e" * 64}
    for path, content in (
        ("models/base.json", base),
        ("data/raw/source.json", {"source": "org/rows", "commit": "c" * 40}),
        ("metrics/slices/finetuned.record.json", {"not_applicable": {}, "provenance": {}}),
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(json.dumps(content))
    subprocess.run([sys.executable, "-m", "stages.publish"], cwd=root, check=True)
    published = tmp_path / "pulled"
    shutil.move(root / "models/published", published)
    models = [str(path) for path in (TINY, published, trained.root / "models/merged")]
    command = [sys.executable, "-I", "-c", _LOAD, *models]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    difference, effect = map(float, result.stdout.split()[-2:])
    assert difference < 1e-4
    assert effect > 0.1
    assert f"datasets/org/rows/tree/{'c' * 40}" in (published / "README.md").read_text()


def test_a_merge_with_another_scaling_fails_the_stage(
    trained: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stages import merge  # noqa: PLC0415 (its observations load torch)

    broken = tmp_path / "w"
    shutil.copytree(trained.root, broken, symlinks=True)
    monkeypatch.chdir(broken)
    monkeypatch.setenv("KETUNE_CACHE", str(tmp_path / "cache"))

    def export(params: object, base: Model, directory: Path, *_: object) -> None:
        del params, base
        shutil.rmtree(directory)
        shutil.copytree(trained.root / "models/merged", directory)
        # The base's weights in the place of the merged ones: a scaling of zero.
        shutil.copy(TINY / "model.safetensors", directory)

    monkeypatch.setattr(merge, "_export", export)
    before = (broken / "models/merged.record.json").read_bytes()
    with pytest.raises(StageError, match="not its base with the adapter: eval_loss is"):
        merge.main()
    assert (broken / "models/merged.record.json").read_bytes() == before
    assert file_sha256(broken / "models/merged/model.safetensors") == file_sha256(
        trained.root / "models/merged/model.safetensors"
    )
    assert load_params().use_cpu
