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

from ketune.training.compute import KINDS, work_file
from ketune.training.flops import Work, patch_size
from ketune.training.peak import measured_peak


class Meter(TrainerCallback):  # type: ignore[misc]
    """Sums over forward passes, on the device: a row for each of KINDS, a column for each field."""

    def on_init_end(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        del state, control
        self.sums = torch.zeros(
            len(KINDS), len(Work._fields), dtype=torch.int64, device=args.device
        )
        vision = getattr(model.config, "vision_config", None)
        self.patch = 1 if vision is None else patch_size(vision.to_dict())
        dtype = next(model.parameters()).dtype
        first = args.process_index == 0
        self.peak = measured_peak(args.device, dtype, Path(args.output_dir).parent) if first else 0

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any, **_: Any) -> None:
        del control
        self._require_same_start(args, state.global_step)
        if args.resume_from_checkpoint:
            path = work_file(Path(args.resume_from_checkpoint), args.process_index)
            kept = json.loads(path.read_text(encoding="utf-8"))
            sums = [[kept[kind][name] for name in Work._fields] for kind in KINDS]
            self.sums += torch.tensor(sums, device=args.device)
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
            kind: dict(zip(Work._fields, sums, strict=True))
            for kind, sums in zip(KINDS, self.sums.tolist(), strict=True)
        }
        text = json.dumps(counted | {"peak": self.peak})
        work_file(directory, self.args.process_index).write_text(text, encoding="utf-8")

    def _count(self, module: Any, positional: Any, inputs: dict[str, Any]) -> None:
        del positional
        given = inputs.get("input_ids")
        given = inputs["inputs_embeds"] if given is None else given
        batch, length = given.shape[:2]
        rows = padded = torch.full((batch,), length, device=given.device)
        bounds, mask = inputs.get("cu_seq_lens_q"), inputs.get("attention_mask")
        if bounds is not None:  # rows end to end, without padding
            rows = padded = bounds.diff().long()
        elif isinstance(mask, torch.Tensor) and mask.ndim == 2:
            rows = mask.sum(-1).long()
        labels, kept = inputs.get("labels"), inputs.get("logits_to_keep")
        logits = kept.sum() if isinstance(kept, torch.Tensor) else batch * (kept or length)
        scored = logits if labels is None else (labels != -100).sum()
        patches = _patches(inputs, self.patch)
        images = (patches.sum(), patches.square().sum()) if patches is not None else (0, 0)
        needed = [len(rows), rows.sum(), rows.square().sum(), scored, *images]
        if not module.training and self.trainer.is_repeating:
            needed = [0] * len(needed)
        computed = [len(rows), padded.sum(), padded.square().sum(), logits, *images]
        sums = self.sums[:2] if module.training else self.sums[2:]
        values = [torch.as_tensor(value, device=sums.device) for value in needed + computed]
        sums += torch.stack(values).view(2, -1)


def _patches(inputs: dict[str, Any], patch: int) -> Any:
    """Patches of each image, or of each tile where a picture is cut into tiles of one size."""
    grids, pixels = inputs.get("image_grid_thw"), inputs.get("pixel_values")
    if grids is not None:
        return grids.prod(-1)
    if pixels is None or pixels.ndim != 4:
        return None
    count = (pixels.shape[2] // patch) * (pixels.shape[3] // patch)
    return torch.full((pixels.shape[0],), count, device=pixels.device)


callbacks_map["ketune_meter"] = Meter
