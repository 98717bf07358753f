"""Best step, gap and rise of eval_loss: the figures of an overfitting table from one run."""

from typing import Any

from ketune.training.logs import History

_EPOCH_SLACK = 1e-3  # ms-swift logs epochs with a few digits


def convergence(history: History) -> dict[str, Any]:
    """Figures at the first and the best evaluation, at the last, and at the end of every epoch.

    Losses are in nats per token; token accuracy is null where Liger's loss gives none. The best
    step is that of the published checkpoint; `final` is the last evaluation, which the curve ends
    with and nothing is published from. A training figure is that of the logging interval that ends
    at or before the step. `epochs` has the last evaluation up to the end of each epoch: step 180
    with eval_steps 20 and 183 steps an epoch.
    """
    evaluated = [int(row["step"]) for row in history.steps if "eval_loss" in row]
    best, final = (at_step(history, step) for step in (history.best_step, evaluated[-1]))
    first = at_step(history, evaluated[0])
    rise = final["eval_loss"] - best["eval_loss"]
    epochs = range(1, int(history.epochs + _EPOCH_SLACK) + 1)
    return {
        "eval_loss": best["eval_loss"],
        "eval_loss_first": first["eval_loss"],
        "eval_token_acc": best["eval_token_acc"],
        "eval_token_acc_first": first["eval_token_acc"],
        "train_loss": best["train_loss"],
        "train_token_acc": best["train_token_acc"],
        "overfitting_gap": best["gap"],
        "best_step": history.best_step,
        "last_step": history.last_step,
        "final": final,
        "eval_loss_rise": round(rise, 8),
        "eval_loss_rise_percent": round(100 * rise / best["eval_loss"], 4),
        "epochs": {
            str(epoch): at_step(history, step)
            for epoch in epochs
            if (step := _last_evaluation(history, epoch))
        },
    }


def at_step(history: History, step: int) -> dict[str, Any]:
    """Evaluation and training figures at an evaluated step; `gap` is eval_loss - train_loss.

    Before the first step there is no training figure.
    """
    row = next(row for row in history.steps if row["step"] == step)
    trained = [row for row in history.steps if "loss" in row and row["step"] <= step]
    last = trained[-1] if trained else {}
    return {
        "step": step,
        "eval_loss": row["eval_loss"],
        "eval_token_acc": row.get("eval_token_acc"),
        "train_loss": last.get("loss"),
        "train_token_acc": last.get("token_acc"),
        "gap": round(row["eval_loss"] - last["loss"], 8) if last else None,
    }


def _last_evaluation(history: History, epoch: int) -> int:
    """The last step evaluated within the first `epoch` epochs, 0 if only the base was."""
    return max(
        int(row["step"])
        for row in history.steps
        if "eval_loss" in row and row["epoch"] <= epoch + _EPOCH_SLACK
    )
