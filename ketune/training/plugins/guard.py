"""ms-swift plugin (`--external_plugins … --callbacks ketune_guard`): checkpoints to go on from.

Seals checkpoints, ends the run with one when the stage asks, and at the first loss that is not
finite. A run that goes on logs what the uninterrupted one logs: sums since the last logged step are
kept with each checkpoint, as the trainer of transformers 5.19 forgets them.
"""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from swift.callbacks import TrainerCallback, callbacks_map
from transformers.trainer_utils import rotate_checkpoints

from ketune.swift.checkpoints import STOP, TRAINING, seal

_SUMS = "sums-{rank}.json"
_RNG = "rng"  # a directory with the trainer's files of random states


class Guard(TrainerCallback):  # type: ignore[misc]
    """Whole checkpoints, on schedule and on request. `trainer` is ms-swift's."""

    unscheduled = False  # whether the checkpoint being saved is only there because of a request
    best: str | None = None  # the trainer's choice before it
    limit: int | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        del state, control
        # The trainer would delete an old checkpoint before the new one is sealed.
        self.limit, args.save_total_limit = args.save_total_limit, None
        if args.resume_from_checkpoint:
            self._restore_sums(Path(args.resume_from_checkpoint))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        directory = Path(args.output_dir)
        if state.is_local_process_zero:
            (directory / TRAINING).touch()
        if not self._on_any_process((directory / STOP).exists()):
            return
        # What this step would log, evaluate and save anyway comes first, in the trainer's order.
        self.unscheduled = not control.should_save
        self.best = state.best_model_checkpoint
        control.should_save = control.should_training_stop = True
        args.load_best_model_at_end = False
        self._note_rng(directory)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        del state, control
        if self.unscheduled:
            self._note_rng(Path(args.output_dir))

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
        del args, control
        for name in ("loss", "eval_loss"):
            if not math.isfinite(logs.get(name, 0.0)):
                raise FloatingPointError(f"{name} is {logs[name]} at step {state.global_step}")

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        del control
        directory = Path(args.output_dir)
        checkpoint = directory / f"checkpoint-{state.global_step}"
        self._save_sums(checkpoint)
        if self.unscheduled:
            name = self._rng_name()
            (directory / _RNG / name).replace(checkpoint / name)
        self.trainer.accelerator.wait_for_everyone()
        if not state.is_world_process_zero:
            return
        if self.unscheduled:
            checkpoint = self._set_apart(checkpoint, state)
        seal(checkpoint)
        for path in directory.glob("interrupted-*"):
            if path != checkpoint:
                shutil.rmtree(path)
        # An unscheduled one takes no scheduled one's place.
        if not self.unscheduled:
            rotate_checkpoints(str(directory), self.limit, state.best_model_checkpoint)
        self.unscheduled = False

    def _set_apart(self, checkpoint: Path, state: Any) -> Path:
        """Rename an unscheduled checkpoint; it is not the best one, whatever its loss."""
        state.best_model_checkpoint = self.best
        state.save_to_json(str(checkpoint / "trainer_state.json"))
        apart = checkpoint.with_name(f"interrupted-{state.global_step}")
        shutil.rmtree(apart, ignore_errors=True)
        return checkpoint.rename(apart)

    def _note_rng(self, directory: Path) -> None:
        """Keep the random state before an unscheduled checkpoint, which is to be that after it.

        ms-swift draws numbers while it saves PiSSA and OLoRA adapters.
        """
        self.trainer._save_rng_state(str(directory / _RNG))

    def _rng_name(self) -> str:
        args = self.trainer.args
        return "rng_state.pth" if args.world_size == 1 else f"rng_state_{args.process_index}.pth"

    def _save_sums(self, checkpoint: Path) -> None:
        trainer = self.trainer
        sums = {
            "loss": trainer._tr_loss.item(),
            "total_loss": trainer._total_loss_scalar,
            "last_logged": trainer._globalstep_last_logged,
            "metrics": {
                name: [metric.state, metric.count]
                for name, metric in trainer.custom_metrics["train"].items()
            },
        }
        path = checkpoint / _SUMS.format(rank=trainer.args.process_index)
        path.write_text(json.dumps(sums), encoding="utf-8")

    def _restore_sums(self, checkpoint: Path) -> None:
        trainer = self.trainer
        path = checkpoint / _SUMS.format(rank=trainer.args.process_index)
        sums = json.loads(path.read_text(encoding="utf-8"))
        trainer._tr_loss.fill_(sums["loss"])
        trainer._total_loss_scalar = sums["total_loss"]
        trainer._globalstep_last_logged = sums["last_logged"]
        for name, (total, count) in sums["metrics"].items():
            metric = trainer.custom_metrics["train"][name]
            metric.state, metric.count = total, count

    def _on_any_process(self, flag: bool) -> bool:
        """Whether any process has the flag: all must leave the loop at the same step."""
        if self.trainer.args.world_size == 1:
            return flag
        flags = torch.tensor(int(flag), device=self.trainer.args.device)
        return bool(self.trainer.accelerator.gather(flags[None]).any())


callbacks_map["ketune_guard"] = Guard
