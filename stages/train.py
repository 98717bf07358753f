"""train: prepared data → models/adapter, the best checkpoint of `swift sft` by eval_loss."""

import os
from pathlib import Path
from typing import Any

from stages.params import Params, load_params
from stages.runtime import StageError, file_sha256, stage_main, versions, write_json
from stages.scratch import run_key, scratch_directory
from stages.swift.adapter import Adapter, describe_adapter, effective_scaling, publish_adapter
from stages.swift.arguments import TRAIN, VALIDATION, training_arguments
from stages.swift.device import device_name, require_device
from stages.swift.logs import (
    EVAL_CURVE,
    TRAIN_CURVE,
    History,
    begin_attempt,
    is_finished,
    last_checkpoint,
    read_history,
    write_curve,
)
from stages.swift.model import Model, locate_model, plugin_digests
from stages.swift.run import run_swift

ADAPTER = Path("models/adapter")
METRICS = Path("metrics/train.json")
CURVES = {
    Path("metrics/curve_train.csv"): TRAIN_CURVE,
    Path("metrics/curve_eval.csv"): EVAL_CURVE,
}
LOCK = Path("requirements.lock")


def main() -> None:
    """Train, or go on with an interrupted run of the same configuration, and publish."""
    params = load_params()
    require_device(params)
    model = locate_model(params.model, params.model_revision)
    _announce(params)
    with scratch_directory("train", _run_key(params, model)) as scratch:
        memory = None
        if not is_finished(scratch.path):
            checkpoint = last_checkpoint(scratch.path)
            attempt = begin_attempt(scratch.path, checkpoint)
            if checkpoint is not None:
                print(f"resuming after step {attempt.start_step}", flush=True)
            arguments = training_arguments(params, model, scratch.path, checkpoint)
            memory = run_swift("sft", arguments, scratch.path / "swift.log", scratch.lock)
        history = read_history(scratch.path)
        publish_adapter(scratch.path / f"checkpoint-{history.best_step}", ADAPTER, params, model)
        adapter = describe_adapter(ADAPTER)
        metrics = _metrics(history, adapter, memory, _count_lines(TRAIN))
        write_json(METRICS, metrics | {"provenance": _provenance(params, model, history)})
        for path, columns in CURVES.items():
            write_curve(path, history, columns)
    print(
        f"eval_loss {metrics['eval_loss_first']:.4f} → {metrics['eval_loss']:.4f} "
        f"at step {history.best_step} of {history.last_step}; "
        f"{adapter.parameters:,} trainable parameters "
        f"({metrics['trainable_share']:.2%}) in {_where(adapter)}"
    )


def _announce(params: Params) -> None:
    scaling = effective_scaling(
        params.lora_rank, params.lora_alpha, rank_stabilised=params.use_rslora
    )
    root = "√" if params.use_rslora else ""
    formula = f"{params.lora_alpha}/{root}{params.lora_rank}"
    print(f"effective scaling {scaling:.4g} ({formula})", flush=True)


def _run_key(params: Params, model: Model) -> str:
    return run_key(
        {
            "arguments": training_arguments(params, model, Path(), None),
            "model": model.digest,
            "plugins": plugin_digests(params.external_plugins),
            "data": [file_sha256(_existing(path)) for path in (TRAIN, VALIDATION)],
            "lock": file_sha256(LOCK),
        }
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise StageError(f"{path} not found; run the prepare stage (dvc repro prepare)")
    return path


def _metrics(
    history: History, adapter: Adapter, memory: int | None, train_rows: int
) -> dict[str, Any]:
    """metrics/train.json without provenance.

    Losses are in nats per token. train_loss and train_token_acc are those of the logging interval
    that ends at the best step, to be held against eval_loss there; their difference is
    overfitting_gap. Rates leave the time of evaluations out; tokens count padding.
    """
    first = next(row for row in history.steps if "eval_loss" in row)
    best = next(row for row in history.steps if row["step"] == history.best_step)
    trained = [row for row in history.steps if "loss" in row and row["step"] <= history.best_step]
    last = trained[-1]
    seconds = max(history.runtime - history.eval_runtime, 1e-9)
    return {
        "eval_loss": best["eval_loss"],
        "eval_loss_first": first["eval_loss"],
        "eval_token_acc": best["eval_token_acc"],
        "eval_token_acc_first": first["eval_token_acc"],
        "train_loss": last["loss"],
        "train_token_acc": last["token_acc"],
        "overfitting_gap": round(best["eval_loss"] - last["loss"], 8),
        "best_step": history.best_step,
        "last_step": history.last_step,
        "train_runtime": round(history.runtime, 1),
        "eval_runtime": round(history.eval_runtime, 1),
        "samples_per_second": round(train_rows * history.epochs / seconds, 2),
        "tokens_per_second": round(history.tokens / seconds, 1),
        "peak_memory_gib": {
            "device": history.device_memory,
            "resident": None if memory is None else round(memory / 2**30, 2),
        },
        "effective_scaling": round(adapter.scaling, 6),
        "trainable_parameters": adapter.parameters,
        "trainable_share": round(adapter.parameters / history.parameters, 6),
        "adapter_parameters": adapter.parts,
    }


def _provenance(params: Params, model: Model, history: History) -> dict[str, Any]:
    return {
        "model": params.model,
        "model_digest": model.digest,
        "profile": params.profile,
        "seed": params.seed,
        "device": device_name(params),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "resumed": history.resumed,
        "data_sha256": {path.stem: file_sha256(path) for path in (TRAIN, VALIDATION)},
        "versions": versions("ms-swift", "torch", "transformers", "peft"),
    }


def _where(adapter: Adapter) -> str:
    return ", ".join(name.replace("_", " ") for name, count in adapter.parts.items() if count)


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


if __name__ == "__main__":
    stage_main(main)
