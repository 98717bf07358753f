"""What `swift sft` logs, as one history of the whole run, resumed or not.

logging.jsonl has a line per logged step and per evaluation, then the run's totals, then a summary
with the best checkpoint. A resumed run appends to it, repeats the steps after its checkpoint and
counts its totals from there; `begin_attempt` removes what will be repeated and keeps the time.
"""

import json
import math
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeGuard

from ketune.adapters.conversion import keep_initial
from ketune.runtime import StageError, atomic_open, read_jsonl, write_json
from ketune.scratch import drop_half_line
from ketune.swift.checkpoints import STOP, TRAINING, step_of

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_STEP = "global_step/max_steps"

# Columns of the two curves, with ms-swift's names where they differ. Training and evaluation have
# a file each: `dvc plots` would draw an empty cell as 0.
TRAIN_COLUMNS = {
    "step": "step",
    "epoch": "epoch",
    "train_loss": "loss",
    "train_token_acc": "token_acc",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
}
EVAL_COLUMNS = {
    "step": "step",
    "epoch": "epoch",
    "eval_loss": "eval_loss",
    "eval_token_acc": "eval_token_acc",
}
_LOGGED = {*TRAIN_COLUMNS.values(), *EVAL_COLUMNS.values()}


@dataclass(frozen=True)
class Attempt:
    """Where the current attempt at a run starts: after `start_step` steps and `seconds` of them.

    `resumed` counts the attempts before it.
    """

    start_step: int = 0
    seconds: float = 0.0
    resumed: int = 0


@dataclass(frozen=True)
class History:
    """One training run, whole. Losses are means over tokens, in nats; times are in seconds.

    `steps` are the logged rows by step, training and evaluation values of a step in one row;
    step 0 is the evaluation before training. `runtime` includes evaluation and saving;
    `eval_runtime` is the evaluations' share of it.
    """

    steps: list[dict[str, float]]
    best_step: int
    last_step: int
    epochs: float
    tokens: int
    runtime: float
    eval_runtime: float
    device_memory: float | None
    resumed: int
    observed: "Observed"


@dataclass(frozen=True)
class Observed:
    """What ketune/training/plugins/observer.py saw in the training process.

    `parts` counts parameters that take gradients in vision tower, aligner and LLM, `parameters` all
    of them. `learning_rates` are the peaks of lora_A and lora_B; `step_seconds` is the median step
    of the last attempt, None if it had none.
    """

    scaling: float
    parts: dict[str, int]
    parameters: int
    learning_rates: dict[str, list[float]]
    step_seconds: float | None = None

    @property
    def trainable(self) -> int:
        return sum(self.parts.values())


def is_finished(directory: Path) -> bool:
    """Whether the run in `directory` trained to its last step and wrote its summary."""
    rows = _rows(directory)
    totals = next((row for row in rows if "train_runtime" in row), None)
    return _is_last(totals) and "best_model_checkpoint" in rows[-1]


def begin_attempt(directory: Path, checkpoint: Path | None) -> Attempt:
    """Prepare the run's logs for going on from `checkpoint`, or for starting when it is None."""
    if checkpoint is None:
        shutil.rmtree(directory)
        directory.mkdir()
        return Attempt()
    keep_initial(directory)
    for name in (STOP, TRAINING):
        (directory / name).unlink(missing_ok=True)
    step, previous, rows = step_of(checkpoint), _read_attempt(directory), _rows(directory)
    logged = [row for row in rows if _STEP in row and "train_runtime" not in row]
    kept = [row for row in logged if _row_step(row) <= step]
    attempt = Attempt(
        start_step=step,
        seconds=previous.seconds + _elapsed(kept, previous.start_step),
        resumed=previous.resumed + 1,
    )
    write_json(directory / "attempt.json", asdict(attempt))
    with atomic_open(directory / "logging.jsonl") as file:
        file.writelines(json.dumps(row) + "\n" for row in kept)
    return attempt


def read_history(directory: Path) -> History:
    """The history of the finished run in `directory`.

    Raises StageError: training did not finish, a loss is not finite, or nothing was evaluated.
    """
    rows, attempt = _rows(directory), _read_attempt(directory)
    logged = [row for row in rows if _STEP in row]
    totals = next((row for row in logged if "train_runtime" in row), None)
    summary = next((row for row in reversed(rows) if "best_model_checkpoint" in row), None)
    if not _is_last(totals) or summary is None:
        raise StageError("swift sft ended before its last step; run the same command to go on")
    steps = _by_step(row for row in logged if "train_runtime" not in row)
    best = _CHECKPOINT.search(str(summary["best_model_checkpoint"]))
    if best is None:
        raise StageError(
            "training has no best checkpoint: it was never evaluated and saved at the same step; "
            "lower eval_steps and save_steps, or train on more rows"
        )
    memory = max((row.get("memory(GiB)", 0.0) for row in logged), default=0.0)
    return History(
        steps=steps,
        best_step=int(best[1]),
        last_step=int(summary["global_step"]),
        epochs=totals["epoch"],
        tokens=int(totals["num_input_tokens_seen"]),
        runtime=attempt.seconds + totals["train_runtime"],
        eval_runtime=sum(row.get("eval_runtime", 0.0) for row in logged),
        device_memory=memory or None,
        resumed=attempt.resumed,
        observed=_observed(directory),
    )


def write_curve(path: Path, history: History, columns: dict[str, str]) -> None:
    """Write a line for each step that logged all of `columns`: TRAIN_COLUMNS or EVAL_COLUMNS.

    A column that no step logged is left out: Liger's fused loss gives no token accuracy.
    """
    logged = set().union(*(row.keys() for row in history.steps))
    columns = {name: key for name, key in columns.items() if key in logged}
    with atomic_open(path) as file:
        file.write(",".join(columns) + "\n")
        for row in history.steps:
            if row.keys() >= set(columns.values()):
                file.write(",".join(f"{row[name]:.8g}" for name in columns.values()) + "\n")


def _by_step(rows: Iterable[dict[str, Any]]) -> list[dict[str, float]]:
    steps: dict[int, dict[str, float]] = {}
    for row in rows:
        step = _row_step(row)
        for name in ("loss", "eval_loss"):
            if not math.isfinite(row.get(name, 0.0)):
                raise StageError(
                    f"training diverged: {name} is {row[name]} at step {step}; "
                    "lower learning_rate or raise warmup_steps"
                )
        steps.setdefault(step, {"step": step}).update(
            {name: row[name] for name in _LOGGED & row.keys()}
        )
    return [steps[step] for step in sorted(steps)]


def _rows(directory: Path) -> list[dict[str, Any]]:
    path = directory / "logging.jsonl"
    drop_half_line(path)
    return read_jsonl(path) if path.is_file() else []


def _read_attempt(directory: Path) -> Attempt:
    path = directory / "attempt.json"
    return Attempt(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else Attempt()


def _elapsed(rows: list[dict[str, Any]], start_step: int) -> float:
    """Seconds from an attempt's start to its last row: ms-swift logs them as time a step."""
    steps = _row_step(rows[-1]) - start_step if rows else 0
    return steps * float(rows[-1]["train_speed(s/it)"]) if steps > 0 else 0.0


def _is_last(totals: dict[str, Any] | None) -> TypeGuard[dict[str, Any]]:
    """Whether these totals are the whole run's: one that was asked to stop has some too."""
    if totals is None:
        return False
    step, _, last = totals[_STEP].partition("/")
    return bool(step == last)


def _row_step(row: dict[str, Any]) -> int:
    return int(row[_STEP].partition("/")[0])


def _observed(directory: Path) -> Observed:
    return Observed(**json.loads((directory / "observed.json").read_text(encoding="utf-8")))
