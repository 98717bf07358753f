"""ms-swift plugin (`--external_plugins … --callbacks ketune_tracker`): what a record is of.

Adds to the record that transformers' integration makes the run's name, variant, parameters and
revisions, from $KETUNE_RUN (ketune/training/tracking.py).
"""

import json
import os
from typing import Any

from swift.callbacks import TrainerCallback, callbacks_map
from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # type: ignore[import-untyped]
from transformers.integrations import TensorBoardCallback, WandbCallback
from transformers.integrations.integration_utils import rewrite_logs


class Tracker(TrainerCallback):  # type: ignore[misc]
    """Comes after the integrations, which have opened their records when training begins."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        del args, control
        if not state.is_world_process_zero:
            return
        run = json.loads(os.environ["KETUNE_RUN"])
        for callback in self.trainer.callback_handler.callbacks:
            if isinstance(callback, WandbCallback):
                callback._wandb.config.update({"ketune": run}, allow_val_change=True)
                if callback._wandb.run.offline:
                    _repeat(callback._wandb, state.log_history)
            elif isinstance(callback, TensorBoardCallback):
                writer = callback.tb_writer
                # Readers drop what an attempt logged after the checkpoint this one goes on from.
                step = state.global_step + 1 if state.global_step else 0
                start = SessionLog(status=SessionLog.START)
                writer.file_writer.add_event(Event(step=step, session_log=start), step)
                writer.add_text("ketune", json.dumps(run, indent=2), state.global_step)


def _repeat(wandb: Any, rows: list[dict[str, Any]]) -> None:
    """Log what earlier attempts logged: the file of one that was killed may lack its last rows."""
    for row in rows:
        values = rewrite_logs({name: value for name, value in row.items() if name != "step"})
        wandb.log(values | {"train/global_step": row["step"]})


callbacks_map["ketune_tracker"] = Tracker
