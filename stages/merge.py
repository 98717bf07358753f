"""merge: models/adapter → models/merged by `swift export`, proven equal to base and adapter."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ketune.devices.device import device_name, require_device
from ketune.devices.lease import leased_devices
from ketune.merging.export import export_arguments
from ketune.merging.proof import Proof, check, compare, observe, tolerance_of
from ketune.models.locate import Model, directory_sha256, resolved_model
from ketune.models.settle import keep_files, settle_model
from ketune.params import Params, load_params
from ketune.paths import ADAPTER, MERGE_METRICS, MERGED, RESOLVED, VALIDATION, record
from ketune.runtime import (
    StageError,
    atomic_directory,
    file_sha256,
    read_json,
    stage_main,
    versions,
    write_json,
)
from ketune.scratch import run_key, scratch_directory
from ketune.swift.run import run_swift
from ketune.tasks.samples import read_prepared


def main() -> None:
    """Lease a GPU, then merge."""
    params = load_params()
    # Before anything asks torch for a GPU.
    with leased_devices(params) as devices:
        _merge(params, devices)


def _merge(params: Params, devices: Sequence[int]) -> None:
    """Merge, prove, and only then publish."""
    require_device(params)
    base = resolved_model(params.model, params.model_revision, RESOLVED)
    params = settle_model(params, base)
    training = read_json(record(ADAPTER))
    trained = training["eval_loss"]
    if (digest := training["provenance"]["model_digest"]) != base.digest:
        raise StageError(
            f"model {params.model!r} is {base.digest[:12]} and the adapter was trained on "
            f"{digest[:12]}; run the train stage again (dvc repro train)"
        )
    tolerance = tolerance_of(params)
    with atomic_directory(MERGED) as directory:
        _export(params, base, directory, devices)
        keep_files(base, directory)
        proof = prove(params, base, directory)
        check(proof, trained, tolerance)
    write_json(
        record(MERGED),
        {
            "eval_loss": {
                "trained": trained,
                "adapter": round(proof.adapter_eval_loss, 8),
                "merged": round(proof.merged_eval_loss, 8),
            },
            "largest_logit_difference": proof.largest_logit_difference,
            "top1_agreement": round(proof.top1_agreement, 6),
            "adapter_share": {"share": round(proof.adapter_share, 6), "layer": proof.layer},
            "prompts": proof.prompts,
            "positions": proof.positions,
            "dtype": params.torch_dtype,
            "tolerance": asdict(tolerance),
            "provenance": {
                "model": params.model,
                "model_digest": base.digest,
                "adapter_sha256": file_sha256(ADAPTER / "adapter_model.safetensors"),
                "device": device_name(params),
                "versions": versions("ms-swift", "torch", "transformers", "peft"),
            },
        },
    )
    # Below the fourth decimal it is rounding, which no comparison of two runs should show.
    difference = round(proof.largest_logit_difference, 4)
    write_json(MERGE_METRICS, {"merge_difference": difference})
    print(
        f"merged = base + adapter: largest logit difference "
        f"{proof.largest_logit_difference:.2g} over {proof.positions} positions, "
        f"{proof.top1_agreement:.2%} of top tokens agree, eval_loss {trained:.4f} as trained and "
        f"{proof.merged_eval_loss:.4f} merged"
    )


def prove(params: Params, base: Model, merged: Path) -> Proof:
    """Compare the model in `merged` with `base` and the adapter on the validation split."""
    samples = read_prepared(VALIDATION)
    adapted = observe(params, base, samples, ADAPTER)
    model = Model(str(merged), None, "")
    return compare(adapted, observe(params, model, samples, layers=list(adapted.layers)))


def _export(params: Params, base: Model, directory: Path, devices: Sequence[int]) -> None:
    if not (ADAPTER / "adapter_config.json").is_file():
        raise StageError(f"{ADAPTER} has no adapter; run the train stage (dvc repro train)")
    key = run_key({"adapter": directory_sha256(ADAPTER), "model": base.digest})
    directory.rmdir()  # swift export creates it, and refuses one that exists
    with scratch_directory("merge", key) as scratch:
        arguments = export_arguments(params, base, ADAPTER, directory)
        run_swift("export", arguments, scratch.path / "swift.log", scratch.lock, *devices)


if __name__ == "__main__":
    stage_main(main)
