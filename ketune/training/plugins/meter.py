"""ms-swift plugin (`--external_plugins … --callbacks ketune_meter`): the work that a run does.

Counts what the model is given, in training and in evaluation, without waiting for the device, and
measures the device's peak before the first step. Each process writes work-RANK.json into each
checkpoint, so that a resumed run goes on counting, and into the run's directory at the end.
"""

import json
from pathlib import Path
from typing import Any

import torch
from swift.callbacks import TrainerCallback, callbacks_map

from ketune.training.counts import COUNTED, work_file
from ketune.training.peak import measured_peak


class Meter(TrainerCallback):  # type: ignore[misc]
    """Sums over forward passes, on the device, by mode."""

    def on_init_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        del state, control
        zeros = torch.zeros(len(COUNTED), dtype=torch.int64, device=args.device)
        self.sums = {"train": zeros, "eval": zeros.clone()}
        self.patch = _patch(model.config)
        dtype = next(model.parameters()).dtype
        first = args.process_index == 0
        self.peak = measured_peak(args.device, dtype, Path(args.output_dir).parent) if first else 0

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        del control
        self._require_same_start(args, state.global_step)
        if args.resume_from_checkpoint:
            path = work_file(Path(args.resume_from_checkpoint), args.process_index)
            kept = json.loads(path.read_text(encoding="utf-8"))
            for mode in self.sums:
                self.sums[mode] += torch.tensor(
                    [kept[mode][name] for name in COUNTED], device=args.device
                )
        model.register_forward_pre_hook(self._count, with_kwargs=True, prepend=True)

    def _require_same_start(self, args: Any, step: int) -> None:
        """Processes that start at different steps would wait for each other for ever."""
        if args.world_size > 1:
            mine = torch.tensor([step], device=args.device)
            steps = self.trainer.accelerator.gather(mine).tolist()
            if len(set(steps)) > 1:
                raise ValueError(
                    f"the processes start at steps {steps}: a resume on several nodes needs "
                    "KETUNE_CACHE to be one directory that all of them see"
                )

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        del control
        self._write(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        del state, control
        self._write(Path(args.output_dir))

    def _write(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        counted: dict[str, Any] = {
            mode: dict(zip(COUNTED, sums.tolist(), strict=True)) for mode, sums in self.sums.items()
        }
        text = json.dumps(counted | {"peak": self.peak})
        work_file(directory, self.args.process_index).write_text(text, encoding="utf-8")

    def _count(self, module: Any, positional: Any, inputs: dict[str, Any]) -> None:
        del positional
        given = inputs.get("input_ids")
        given = inputs["inputs_embeds"] if given is None else given
        batch, length = given.shape[:2]
        lengths = _lengths(inputs, batch, length, given.device)
        labels, kept = inputs.get("labels"), inputs.get("logits_to_keep")
        patches = _patches(inputs, self.patch)
        scored = batch * length
        if isinstance(kept, torch.Tensor):
            scored = kept.sum()
        elif isinstance(kept, int) and kept:
            scored = batch * kept
        padded = int(inputs.get("cu_seq_lens_q") is None)
        values = [
            batch if padded else len(lengths),
            lengths.sum(),
            lengths.square().sum(),
            scored if labels is None else (labels != -100).sum(),
            patches.sum() if patches is not None else 0,
            patches.square().sum() if patches is not None else 0,
            batch * length,
            batch * length**2 if padded else lengths.square().sum(),
            scored,
        ]
        sums = self.sums["train" if module.training else "eval"]
        sums += torch.stack([torch.as_tensor(value, device=sums.device) for value in values])


def _lengths(inputs: dict[str, Any], batch: int, length: int, device: Any) -> Any:
    """Tokens of each row, padding apart."""
    bounds, mask = inputs.get("cu_seq_lens_q"), inputs.get("attention_mask")
    if bounds is not None:
        return (bounds[1:] - bounds[:-1]).long()
    if isinstance(mask, torch.Tensor) and mask.ndim == 2:
        return mask.sum(-1).long()
    return torch.full((batch,), length, device=device)


def _patches(inputs: dict[str, Any], patch: int) -> Any:
    """Patches of each image, or of each tile where a picture is cut into tiles of one size."""
    grids, pixels = inputs.get("image_grid_thw"), inputs.get("pixel_values")
    if grids is not None:
        return grids.prod(-1)
    if pixels is None or pixels.ndim != 4:
        return None
    count = (pixels.shape[2] // patch) * (pixels.shape[3] // patch)
    return torch.full((pixels.shape[0],), count, device=pixels.device)


def _patch(config: Any) -> int:
    size = getattr(getattr(config, "vision_config", None), "patch_size", 1)
    return int(size[0] if isinstance(size, list | tuple) else size)


callbacks_map["ketune_meter"] = Meter
