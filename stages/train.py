"""train: prepared data → models/adapter, the best checkpoint of `swift sft` by eval_loss."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ketune.adapters.publish import effective_scaling, publish_adapter
from ketune.devices.device import device_name, require_device, with_usable_attention
from ketune.devices.lease import leased_devices
from ketune.models.locate import Model, plugin_digests, resolved_model, short_name
from ketune.models.settle import read_config, require_image_support, require_trainable, settle_model
from ketune.params import Params, load_params
from ketune.paths import (
    ADAPTER,
    EVAL_CURVE,
    LOCK,
    RESOLVED,
    TRAIN,
    TRAIN_CURVE,
    TRAIN_METRICS,
    VALIDATION,
    record,
)
from ketune.runtime import StageError, file_sha256, stage_main, versions, write_json
from ketune.scratch import cache_directory, run_key, scratch_directory
from ketune.swift.checkpoints import last_checkpoint
from ketune.swift.run import run_swift
from ketune.training.arguments import training_arguments
from ketune.training.compute import compute_metrics, read_work
from ketune.training.convergence import convergence
from ketune.training.logs import (
    EVAL_COLUMNS,
    TRAIN_COLUMNS,
    History,
    begin_attempt,
    is_finished,
    read_history,
    write_curve,
)
from ketune.training.processes import (
    check_scale,
    global_batch,
    keep_global_batch,
    launcher,
    node_rank,
    processes,
)
from ketune.training.schedule import plan_evaluations, with_schedule
from ketune.training.tracking import tracked

# What training runs of ours, in its own process: an interrupted run goes on under the same alone.
_CODE = [Path("ketune", room) for room in ("adapters", "models/plugins", "swift", "training")]
_INPUTS = 16  # digits of a run's key that stand for its inputs
CURVES = {TRAIN_CURVE: TRAIN_COLUMNS, EVAL_CURVE: EVAL_COLUMNS}


def main() -> None:
    """Lease the GPUs, then train."""
    params = load_params()
    # Before anything asks torch for a GPU.
    with leased_devices(params, params.nproc_per_node) as devices:
        _train(params, devices)


def _train(params: Params, devices: Sequence[int]) -> None:
    """Train, or go on with an interrupted run of the same configuration, and publish."""
    require_device(params)
    check_scale(params)
    model = resolved_model(params.model, params.model_revision, RESOLVED)
    require_trainable(model)
    params = settle_model(params, model)
    for path in (TRAIN, VALIDATION):
        require_image_support(params, model, path)
    params = _planned(keep_global_batch(with_usable_attention(params)), model)
    _announce(params)
    key = _run_key(params, model)
    if rank := node_rank(params):
        _join(params, model, key, rank, devices)
        return
    _note_other_code(key)
    with (
        scratch_directory("train", key) as scratch,
        tracked(params, key, model.digest) as tracker,
    ):
        memory = None
        if not is_finished(scratch.path):
            checkpoint = last_checkpoint(scratch.path)
            attempt = begin_attempt(scratch.path, checkpoint)
            if checkpoint is not None:
                print(f"resuming after step {attempt.start_step}", flush=True)
            arguments = training_arguments(params, model, scratch.path, checkpoint)
            memory = run_swift(
                "sft",
                [*arguments, *tracker.arguments],
                scratch.path / "swift.log",
                *(scratch.lock, *devices),
                launcher=launcher(params),
                environment=tracker.environment,
            )
        history = read_history(scratch.path)
        publish_adapter(scratch.path / f"checkpoint-{history.best_step}", ADAPTER, params, model)
        metrics = _metrics(history, memory, _count_lines(TRAIN))
        work, peak = read_work(scratch.path, processes(params))
        metrics["compute"] = compute_metrics(params, read_config(model), work, peak, history)
        known = metrics | {"provenance": _provenance(params, model, history)}
        write_json(record(ADAPTER), known)
        write_json(TRAIN_METRICS, {"base_model": short_name(model)} | _headline(metrics))
        for path, columns in CURVES.items():
            write_curve(path, history, columns)
    print(
        f"eval_loss {metrics['eval_loss_first']:.4f} → {metrics['eval_loss']:.4f} "
        f"at step {history.best_step} of {history.last_step}{_efficiency(metrics['compute'])}"
    )


def _planned(params: Params, model: Model) -> Params:
    """The interval of evaluations that `eval_share` asks for; what they cost is printed."""
    schedule = plan_evaluations(params, read_config(model), _existing(TRAIN), _existing(VALIDATION))
    if schedule is None:
        return params
    print(
        f"{schedule.evaluations} evaluations, every {schedule.interval} of {schedule.steps} steps, "
        f"cost about {schedule.share:.0%} of all FLOPs",
        flush=True,
    )
    return with_schedule(params, schedule) if params.eval_share else params


def _join(params: Params, model: Model, key: str, rank: int, devices: Sequence[int]) -> None:
    """Train with node 0, which publishes, in its scratch directory if it is shared."""
    with scratch_directory("train", f"{key}-node{rank}") as scratch:
        shared = scratch.path.with_name(key)
        if not is_finished(shared):
            arguments = training_arguments(params, model, shared, last_checkpoint(shared))
            log = scratch.path / "swift.log"
            locks = (scratch.lock, *devices)
            run_swift("sft", arguments, log, *locks, launcher=launcher(params))
    print(f"node {rank} of {params.nnodes} is done; node 0 publishes the adapter")


def _efficiency(compute: dict[str, Any]) -> str:
    if "mfu" not in compute:
        return ""
    return (
        f"; {compute['mfu']:.1%} of the device's measured peak, evaluations were "
        f"{compute['evaluation_share']:.0%} of all FLOPs"
    )


def _announce(params: Params) -> None:
    scaling = effective_scaling(
        params.lora_rank, params.lora_alpha, rank_stabilised=params.use_rslora
    )
    root = "√" if params.use_rslora else ""
    formula = f"{params.lora_alpha}/{root}{params.lora_rank}"
    print(f"effective scaling {scaling:.4g} ({formula})", flush=True)


def _run_key(params: Params, model: Model) -> str:
    """16 digits of the run's inputs, then 8 of the code that trains."""
    configuration = run_key(
        {
            # Who records a run does not determine it.
            "arguments": training_arguments(
                params.model_copy(update={"report_to": "none"}), model, Path(), None
            ),
            "processes": processes(params),
            "global_batch": global_batch(params),
            "model": model.digest,
            "plugins": plugin_digests(params.external_plugins),
            "data": [file_sha256(_existing(path)) for path in (TRAIN, VALIDATION)],
            "lock": file_sha256(LOCK),
        }
    )
    files = sorted(path for folder in _CODE for path in folder.rglob("*.py"))
    code = run_key({str(path): file_sha256(path) for path in files})
    return configuration[:_INPUTS] + code[:8]


def _note_other_code(key: str) -> None:
    """Say so where the same inputs were trained on, and left, by other code."""
    runs = [path.name for path in (cache_directory() / "train").glob(f"{key[:_INPUTS]}*/")]
    if runs and not any(name.startswith(key) for name in runs):
        print("the code of training has changed since this run was interrupted: it starts anew")


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise StageError(f"{path} not found; run the prepare stage (dvc repro prepare)")
    return path


def _metrics(history: History, memory: int | None, train_rows: int) -> dict[str, Any]:
    """The adapter's record without provenance.

    Rates and seconds_per_step leave the time of evaluations out; tokens count padding. The median
    step is without loading its rows, and on the CPU of processor time.
    """
    observed = history.observed
    seconds = max(history.runtime - history.eval_runtime, 1e-9)
    return convergence(history) | {
        "train_runtime": round(history.runtime, 1),
        "eval_runtime": round(history.eval_runtime, 1),
        "seconds_per_step": round(seconds / history.last_step, 4),
        "step_seconds_median": observed.step_seconds and round(observed.step_seconds, 4),
        "samples_per_second": round(train_rows * history.epochs / seconds, 2),
        "tokens_per_second": round(history.tokens / seconds, 1),
        "peak_memory_gib": {
            "device": history.device_memory,
            "resident": None if memory is None else round(memory / 2**30, 2),
        },
        "effective_scaling": round(observed.scaling, 6),
        "trainable_parameters": observed.trainable,
        "trainable_share": round(observed.trainable / observed.parameters, 6),
        "adapter_parameters": observed.parts,
        "learning_rate_of_b": next(iter(observed.learning_rates["lora_B"]), None),
    }


def _headline(metrics: dict[str, Any]) -> dict[str, Any]:
    """train_loss is eval_loss less the gap; token accuracy in training is in the curves."""
    return {
        "eval_loss": round(metrics["eval_loss"], 4),
        "eval_token_acc": metrics["eval_token_acc"] and round(metrics["eval_token_acc"], 4),
        "overfitting_gap": metrics["overfitting_gap"] and round(metrics["overfitting_gap"], 4),
        "mfu": metrics["compute"].get("mfu") and round(metrics["compute"]["mfu"], 3),
    }


def _provenance(params: Params, model: Model, history: History) -> dict[str, Any]:
    return {
        "model": params.model,
        "model_digest": model.digest,
        "seed": params.seed,
        "device": device_name(params),
        "attention": params.attn_impl,
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "resumed": history.resumed,
        "data_sha256": {path.stem: file_sha256(path) for path in (TRAIN, VALIDATION)},
        "versions": versions("ms-swift", "torch", "transformers", "peft"),
    }


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _ in file)


if __name__ == "__main__":
    stage_main(main)
