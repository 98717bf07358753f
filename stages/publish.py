"""publish: models/adapter and its figures → models/published, a directory to push to a hub."""

import shutil

from ketune.params import load_params
from ketune.paths import ADAPTER, FINETUNED, PUBLISHED_ADAPTER, RAW, RESOLVED, SLICES, record
from ketune.reporting.model_card import render
from ketune.runtime import StageError, atomic_directory, read_json, stage_main

# What the card lists; dvc.yaml lists the same.
SHOWN = (
    *("tuner_type", "lora_rank", "lora_alpha", "lora_dropout", "use_rslora", "use_dora"),
    *("init_weights", "lorap_lr_ratio", "target_modules", "freeze_llm", "freeze_vit"),
    *("freeze_aligner", "learning_rate", "lr_scheduler_type", "optim", "weight_decay"),
    *("adam_beta1", "adam_beta2", "max_grad_norm", "warmup_steps", "num_train_epochs"),
    *("per_device_train_batch_size", "gradient_accumulation_steps", "seed", "max_pixels"),
)


def main() -> None:
    """Copy the adapter and write its card."""
    params = load_params()
    card = render(
        base=read_json(RESOLVED),
        data=read_json(RAW / "source.json"),
        train=read_json(record(ADAPTER)),
        figures=read_json(record(SLICES / f"{FINETUNED}.csv")),
        parameters={name: getattr(params, name) for name in SHOWN},
    )
    if not (ADAPTER / "adapter_config.json").is_file():
        raise StageError(f"{ADAPTER} has no adapter; run the train stage (dvc repro train)")
    with atomic_directory(PUBLISHED_ADAPTER) as directory:
        shutil.copytree(ADAPTER, directory, dirs_exist_ok=True)
        (directory / "README.md").write_text(card, encoding="utf-8", newline="\n")
    print(f"{PUBLISHED_ADAPTER}: the adapter and its card")


if __name__ == "__main__":
    stage_main(main)
