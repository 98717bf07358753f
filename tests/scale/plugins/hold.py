"""ms-swift plugin: after two steps a run waits in each step, while ./hold is there, to be stopped.

Its step 3 or later is then where a signal finds it. ./holding says that it waits.
"""

import time
from pathlib import Path
from typing import Any

from transformers import Trainer

from ketune.swift.checkpoints import STOP

_step = Trainer.training_step


def _held(trainer: Any, *arguments: Any, **options: Any) -> Any:
    while trainer.state.global_step >= 2 and Path("hold").exists():
        Path("holding").touch()
        if (Path(trainer.args.output_dir) / STOP).exists():
            break
        time.sleep(0.02)
    return _step(trainer, *arguments, **options)


Trainer.training_step = _held
