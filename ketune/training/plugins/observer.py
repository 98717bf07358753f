"""ms-swift plugin (`--external_plugins … --callbacks ketune_observer`): what training adapts.

Read from PEFT and torch once the model, its adapter and the optimiser exist, printed before the
first step and written to observed.json in the run's directory. In a directory of its own because
ms-swift puts a plugin's directory on the import path.
"""

import json
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

from peft.tuners.lora import LoraLayer
from swift.callbacks import TrainerCallback, callbacks_map

_PARTS = {"vision_tower": "freeze_vit", "aligner": "freeze_aligner", "llm": "freeze_llm"}


class Observer(TrainerCallback):  # type: ignore[misc]
    """Scaling, trainable parameters by part of the model, learning rates of A and B, step time.

    The median step, without loading its rows, in seconds: wall time on an accelerator, processor
    time of this process on the CPU, where other work on the machine would count.
    """

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        self.clock = time.process_time if args.use_cpu else time.perf_counter
        self.started = 0.0
        self.steps: list[float] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        del args, state, control
        self.started = self.clock()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        del args, state, control
        self.steps.append(self.clock() - self.started)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        del control
        path = Path(args.output_dir) / "observed.json"
        if state.is_world_process_zero and self.steps:
            observed = json.loads(path.read_text(encoding="utf-8"))
            path.write_text(
                json.dumps(observed | {"step_seconds": median(self.steps)}), encoding="utf-8"
            )

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any, optimizer: Any, **_: Any
    ) -> None:
        del control
        observed: dict[str, Any] = {
            "scaling": _scaling(model),
            "parts": _parts(model),
            "parameters": sum(_size(parameter) for parameter in model.parameters()),
            "learning_rates": _learning_rates(model, optimizer),
        }
        directory = Path(args.output_dir)
        settings = json.loads((directory / "args.json").read_text(encoding="utf-8"))
        for part, freeze in _PARTS.items():
            if settings[freeze] and observed["parts"][part]:
                raise ValueError(
                    f"target_modules {settings['target_modules']} puts adapters into the "
                    f"{part.replace('_', ' ')} although {freeze} is true; use all-linear, or names "
                    "that only the other parts have"
                )
        if state.is_world_process_zero:
            (directory / "observed.json").write_text(json.dumps(observed), encoding="utf-8")
            print(f"adapters: {_sentence(observed)}", flush=True)


def _scaling(model: Any) -> float:
    """The factor on BA, the same in every adapted layer, as PEFT multiplies it in."""
    found = {
        float(factor)
        for module in model.modules()
        if isinstance(module, LoraLayer)
        for factor in module.scaling.values()
    }
    if len(found) != 1:
        raise ValueError(f"the adapter's layers are scaled by {sorted(found)}; expected one factor")
    return found.pop()


def _parts(model: Any) -> dict[str, int]:
    """Parameters that take gradients, by the part that ms-swift says they belong to."""
    arch = model.model_meta.model_arch
    aligner, tower = (tuple(getattr(arch, key, None) or ()) for key in ("aligner", "vision_tower"))
    counts = Counter(dict.fromkeys(_PARTS, 0))
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            inner = f"{name.removeprefix('base_model.model.')}."
            # The aligner lies inside the tower in some architectures.
            part = "aligner" if _inside(inner, aligner) else "llm"
            if part == "llm" and _inside(inner, tower):
                part = "vision_tower"
            counts[part] += _size(parameter)
    return dict(counts)


def _inside(name: str, modules: tuple[str, ...]) -> bool:
    return any(name.startswith(f"{module}.") for module in modules)


def _size(parameter: Any) -> int:
    return int(getattr(parameter, "ds_numel", None) or parameter.numel())  # ZeRO-3 shards


def _learning_rates(model: Any, optimizer: Any) -> dict[str, list[float]]:
    """Peak learning rates of A and of B matrices; empty where the optimiser holds copies."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rates: dict[str, set[float]] = {"lora_A": set(), "lora_B": set()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            for kind, found in rates.items():
                if kind in names.get(id(parameter), ""):
                    found.add(float(group.get("initial_lr", group["lr"])))
    return {kind: sorted(found) for kind, found in rates.items()}


def _sentence(observed: dict[str, Any]) -> str:
    parts = observed["parts"]
    where = ", ".join(
        f"{name.replace('_', ' ').replace('llm', 'LLM')} {count:,}"
        for name, count in parts.items()
        if count
    )
    total = sum(parts.values())
    a, b = observed["learning_rates"].values()
    return (
        f"{total:,} trainable parameters ({total / observed['parameters']:.2%}) in {where}; "
        f"scaling {observed['scaling']:.4g}"
        + (f"; learning rate {a[0]:.4g} of A, {b[0]:.4g} of B" if a != b else "")
    )


callbacks_map["ketune_observer"] = Observer
