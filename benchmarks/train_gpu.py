"""Seconds a step, tokens a second, MFU and peak memory of training, against plain `swift sft`.

    python -m benchmarks.train_gpu --out docs/train-H100.md    # the 8B architecture, on a CUDA GPU
    python -m benchmarks.train_gpu --scale tiny                # the tiny model, on the CPU

Compares the specification's exact settings on plain `swift sft`, ours at the same mathematics (the
train stage with params.yaml), and each PEFT variant against LoRA. The model is Qwen3-VL-8B's
architecture with random weights, built once in --work (17 GB): speed does not depend on their
values. Its tokenizer is the tiny model's, under the full vocabulary's output layer.

The rows are synthetic: 45.1 % have an image, as in the published dataset, of 640 x 480 or 480 x 360
pixels; question and answer together have a log-normal number of tokens, median 350 and sigma 0.5.
Sizes and lengths are assumptions; the table ends with how many tokens a row had in fact.

Losses of such a model mean nothing. Evaluations are left out of every figure.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from math import log
from pathlib import Path
from random import Random
from typing import Any

from dvc.utils.hydra import apply_overrides
from PIL import Image

from benchmarks.architecture import QWEN3_VL_8B
from ketune.devices.device import device_name, usable_attention
from ketune.params import load_params, read_yaml
from ketune.params.profile import overrides, profile_changes
from ketune.params.schema import Params

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests/assets/tiny-qwen3-vl"
SIZES = {"full": ((640, 480), (480, 360)), "tiny": ((96, 64), (128, 96))}
TOKENS = {"full": (350, 0.5), "tiny": (90, 0.4)}  # median and sigma of a log-normal
EVALUATED = 16  # rows
SHARE_OF_IMAGES = 0.451

PLAIN, OURS = "specification, plain swift sft", "ours, same mathematics"


@dataclass(frozen=True)
class Measured:
    """One training. `tokens` are a row's, padding apart; memory is the device's, else resident."""

    seconds_per_step: float
    tokens: float
    mfu: float | None
    memory_gib: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=("full", "tiny"), default="full")
    parser.add_argument("--steps", type=int, help="optimiser steps a run (20; tiny: 6)")
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache/ketune/benchmark")
    parser.add_argument("--out", type=Path, help="also write the table there")
    options = parser.parse_args()
    steps = options.steps or (20 if options.scale == "full" else 6)
    work = options.work / options.scale
    params = prepare(work, options.scale, steps)
    settle_peak(work, params)
    table = Table(steps, params)
    changes = read_yaml(ROOT / "experiments.yaml")["runs"]
    variants = ("lora", "rslora", "dora", "pissa", "olora", "rslora-frozen-aligner")
    ours = train(work, {})
    table.add(PLAIN, plain(work, params, steps, ours))
    table.add(OURS, ours)
    for name in variants:
        table.add(name, train(work, changes[name]["params"]))
    table.lines += ["", f"{ours.tokens:.0f} tokens a row, images among them, on average"]
    print(table.lines[-1], flush=True)
    if options.out:
        options.out.write_text(table.text(), encoding="utf-8")


class Table:
    """Rows of Markdown, printed as they come."""

    def __init__(self, steps: int, params: Params) -> None:
        batch = params.per_device_train_batch_size * params.gradient_accumulation_steps
        self.lines = [
            f"{device_name(params)}, {usable_attention(params)}, {params.torch_dtype}, "
            f"{steps} steps of {batch} rows",
            "",
            "| run | s/step | against plain | against LoRA | tokens/s | MFU | peak GiB |",
            "|---|---|---|---|---|---|---|",
        ]
        self.batch, self.seen = batch, dict[str, Measured]()
        print("\n".join(self.lines), flush=True)

    def add(self, name: str, run: Measured) -> None:
        self.seen[name] = run
        ratios = (self._ratio(run, PLAIN), self._ratio(run, "lora") if name != OURS else "")
        cells = [
            name,
            f"{run.seconds_per_step:.3g}",
            *ratios,
            f"{run.tokens * self.batch / run.seconds_per_step:,.0f}",
            "" if run.mfu is None else f"{run.mfu:.1%}",
            "" if run.memory_gib is None else f"{run.memory_gib:.2f}",
        ]
        self.lines.append(f"| {' | '.join(cells)} |")
        print(self.lines[-1], flush=True)

    def _ratio(self, run: Measured, other: str) -> str:
        known = self.seen.get(other)
        return f"{run.seconds_per_step / known.seconds_per_step:.2f}" if known else ""

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def prepare(work: Path, scale: str, steps: int) -> Params:
    """A directory that the stages take for the repository, with rows for so many steps."""
    for name in ("data", "metrics", "models", "cache"):
        shutil.rmtree(work / name, ignore_errors=True)
    (work / "tests").mkdir(parents=True, exist_ok=True)
    for name in ("stages", "ketune", "requirements.lock", "tests/assets"):
        if not (work / name).exists():
            (work / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "params.yaml", work)
    settings: dict[str, Any] = {} if scale == "full" else profile_changes("smoke", ROOT)
    settings |= {"eval_steps": steps, "save_steps": steps, "logging_steps": 1}
    if scale == "full":
        model = work.parent / "qwen3-vl-8b-random"
        if not (model / "config.json").is_file():
            build_model(model)
        settings |= {"model": str(model), "model_type": "qwen3_vl", "template": "tiny_qwen3_vl"}
        settings |= {"external_plugins": ["ketune/models/plugins/tiny_qwen3_vl.py"]}
    change(work, settings)
    params = load_params(work)
    rows = steps * params.per_device_train_batch_size * params.gradient_accumulation_steps
    write_rows(work / "data/prepared", "train", rows, scale)
    write_rows(work / "data/prepared", "validation", EVALUATED, scale)
    return params


def build_model(target: Path) -> None:
    """Qwen3-VL-8B with random bfloat16 weights, in shards."""
    import torch  # noqa: PLC0415
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration  # noqa: PLC0415

    tiny = json.loads((TINY / "config.json").read_text(encoding="utf-8"))
    ids = {key: value for key, value in tiny.items() if key.endswith("_token_id")}
    config = Qwen3VLConfig(**(QWEN3_VL_8B | ids))
    torch.manual_seed(0)
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        model = Qwen3VLForConditionalGeneration._from_config(config, dtype=torch.bfloat16)
    fresh = target.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.save_pretrained(fresh, max_shard_size="5GB")
    for path in TINY.iterdir():
        if path.suffix in {".json", ".jinja"} and path.name != "config.json":
            shutil.copy(path, fresh)
    fresh.rename(target)


def settle_peak(work: Path, params: Params) -> None:
    """Measure the device's peak a few times, so that every run's MFU has the same denominator."""
    import torch  # noqa: PLC0415

    from ketune.training.peak import measured_peak  # noqa: PLC0415 (imports torch)

    if params.use_cpu:
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    device = torch.device("cpu" if params.use_cpu else "cuda")
    for _ in range(10):
        measured_peak(device, getattr(torch, params.torch_dtype), work / "cache/train")


def write_rows(directory: Path, split: str, count: int, scale: str) -> None:
    """Prepared rows of program text, the same ones at every call."""
    from transformers import AutoTokenizer  # noqa: PLC0415

    tokenizer, random = AutoTokenizer.from_pretrained(TINY), Random(f"{split} {scale}")
    source = "".join(
        f"qc.h({n % 9})\nqc.cx({n % 7}, {n % 5})\nqc.measure_all()\n" for n in range(900)
    )
    ids = tokenizer(source)["input_ids"]
    (directory / "images").mkdir(parents=True, exist_ok=True)
    median, sigma = TOKENS[scale]
    with (directory / f"{split}.jsonl").open("w", encoding="utf-8") as file:
        for number in range(count):
            length = max(16, min(len(ids), round(random.lognormvariate(log(median), sigma))))
            third = length // 3
            question, answer = tokenizer.decode(ids[:third]), tokenizer.decode(ids[third:length])
            images = []
            if random.random() < SHARE_OF_IMAGES:
                name = f"{split}-{number}.png"
                colour = tuple(random.randrange(256) for _ in range(3))
                picture = Image.new("RGB", random.choice(SIZES[scale]), colour)
                picture.save(directory / "images" / name)
                images = [f"data/prepared/images/{name}"]
            messages = [
                {"role": "user", "content": "<image>" * len(images) + question},
                {"role": "assistant", "content": answer},
            ]
            row = {"id": f"{split}-{number}", "messages": messages, "images": images}
            file.write(json.dumps(row) + "\n")


def change(work: Path, settings: dict[str, Any]) -> None:
    apply_overrides(str(work / "params.yaml"), overrides(settings))


def train(work: Path, changes: dict[str, Any]) -> Measured:
    """The train stage with `changes` to params.yaml."""
    before = (work / "params.yaml").read_bytes()
    change(work, changes)
    try:
        _run(work, [sys.executable, "-m", "stages.train"])
    finally:
        (work / "params.yaml").write_bytes(before)
    metrics = json.loads((work / "models/adapter.record.json").read_text(encoding="utf-8"))
    memory = metrics["peak_memory_gib"]
    return Measured(
        metrics["seconds_per_step"],
        metrics["compute"]["tokens_per_row"],
        metrics["compute"].get("mfu"),
        memory["device"] or memory["resident"],
    )


def plain(work: Path, params: Params, steps: int, ours: Measured) -> Measured:
    """The specification's command, as `swift sft` runs it, on the same rows.

    Added is only what finds the model and the rows, and what keeps ms-swift from asking a hub. The
    model FLOPs are ours, so MFU follows from the times.
    """
    out = work / "plain"
    shutil.rmtree(out, ignore_errors=True)
    arguments: dict[str, Any] = {
        "model": params.model, "model_type": params.model_type, "template": params.template,
        "external_plugins": params.external_plugins[0], "check_model": False, "use_hf": True,
        "add_version": False, "report_to": "none", "logging_steps": 1,
        "dataset": "data/prepared/train.jsonl", "val_dataset": "data/prepared/validation.jsonl",
        "tuner_type": "lora", "lora_rank": 32, "lora_alpha": 64, "use_rslora": True,
        "lora_dropout": 0.1, "target_modules": "all-linear", "freeze_vit": True,
        "freeze_aligner": False, "learning_rate": 2e-4, "lr_scheduler_type": "cosine",
        "weight_decay": 0.05, "num_train_epochs": 1,
        "per_device_train_batch_size": params.per_device_train_batch_size,
        "gradient_accumulation_steps": params.gradient_accumulation_steps,
        "eval_strategy": "steps", "eval_steps": steps, "save_strategy": "steps",
        "save_steps": steps, "warmup_steps": 10, "gradient_checkpointing": True,
        "torch_dtype": params.torch_dtype, "bf16": params.bf16, "fp16": False,
        "attn_impl": usable_attention(params), "max_pixels": params.max_pixels,
        "use_cpu": params.use_cpu, "output_dir": out,
    }  # fmt: skip
    line = [sys.executable, "-m", "swift.cli.main", "sft"]
    for name, value in arguments.items():
        line += [f"--{name}", str(value).lower() if isinstance(value, bool) else str(value)]
    _run(work, line)
    rows = [json.loads(text) for text in (out / "logging.jsonl").read_text().splitlines()]
    total = next(row["train_runtime"] for row in rows if "train_runtime" in row)
    seconds = (total - sum(row.get("eval_runtime", 0.0) for row in rows)) / steps
    memory = max((row.get("memory(GiB)", 0.0) for row in rows), default=0.0) or None
    mfu = None if ours.mfu is None else ours.mfu * ours.seconds_per_step / seconds
    return Measured(seconds, ours.tokens, mfu, memory)


def _run(work: Path, line: list[str]) -> None:
    environment = os.environ | {"KETUNE_CACHE": str(work / "cache"), "PYTHONHASHSEED": "0"}
    if load_params(work).use_cpu:
        environment.setdefault("OMP_NUM_THREADS", "1")
    result = subprocess.run(
        line, cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        sys.exit(f"{' '.join(line[:4])} failed:\n{(result.stdout + result.stderr)[-3000:]}")


if __name__ == "__main__":
    main()
