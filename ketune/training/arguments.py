"""Parameters as the command line of `swift sft`."""

import json
from pathlib import Path
from typing import Any

from ketune.models.locate import Model
from ketune.models.settle import WHOLE_WEIGHTS
from ketune.params import Params
from ketune.paths import TRAIN, VALIDATION
from ketune.swift.command import base_model, command_line
from ketune.training.processes import processes

# Reports what is trained; imported by path, as ms-swift imports plugins. See its docstring.
OBSERVER = "ketune/training/plugins/observer.py"
GUARD = "ketune/training/plugins/guard.py"  # whole checkpoints, the end on request
METER = "ketune/training/plugins/meter.py"  # counts what is computed
EVALUATION = "ketune/training/plugins/evaluation.py"  # means over tokens, not over batches
TRACKER = "ketune/training/plugins/tracker.py"  # what a record is of, with report_to
MIXED_BATCHES = "ketune/training/plugins/mixed_batches.py"  # with fsdp

# Training keys that are not arguments of `swift sft`: the stage reads them itself.
OWN_KEYS = {"eval_share", "nproc_per_node", "nnodes"}
# Handed over apart, as export and inference take them too.
_BASE_KEYS = {"model", "model_revision", "model_type", "template", "external_plugins"}
# Arguments that are left out when they have this value, which means off.
_OFF = {"lorap_lr_ratio": 0, "deepspeed": "none", "fsdp": "none"}

# Stated because ms-swift's defaults differ from what a reproducible run needs, or may change.
_ALWAYS: dict[str, Any] = {
    "use_hf": True,
    "check_model": False,  # true asks ModelScope about local models
    "add_version": False,  # true appends a timestamp to output_dir
    "strict": True,  # false replaces a row that fails to load by a random other one
    "tuner_backend": "peft",
    "lora_bias": "none",
    "split_dataset_ratio": 0,
    "dataset_shuffle": True,
    "val_dataset_shuffle": False,
    "train_dataloader_shuffle": True,
    "load_from_cache_file": False,
    "logging_first_step": True,
    "logging_nan_inf_filter": False,  # true logs earlier losses for one that is not finite
    "include_num_input_tokens_seen": True,
    "greater_is_better": False,
    "save_only_model": False,  # the optimiser's state is what a killed run resumes from
    "create_checkpoint_symlink": False,
    "ignore_data_skip": False,
}


def training_keys(params: Params) -> dict[str, Any]:
    """The flat training keys and their values, in the order of params.yaml."""
    sections = {"data", "baselines", "generation", "benchmarks", "evaluation"}
    return params.model_dump(exclude=sections)


def training_arguments(
    params: Params, model: Model, output_dir: Path, resume_from: Path | None
) -> list[str]:
    """Arguments of `swift sft`. The base is evaluated before the first step, once."""
    arguments = {
        name: value
        for name, value in training_keys(params).items()
        if name not in _BASE_KEYS | OWN_KEYS and _OFF.get(name) != value
    }
    arguments |= {
        "fp16": params.torch_dtype == "float16",  # float32 alone would turn it on
        "data_seed": params.seed,
        "dataset": TRAIN,
        "val_dataset": VALIDATION,
        "output_dir": output_dir,
        "eval_on_start": resume_from is None,
        "external_plugins": [
            *params.external_plugins,
            *(WHOLE_WEIGHTS, OBSERVER, METER, GUARD, EVALUATION),
        ],
        "callbacks": ["ketune_observer", "ketune_meter", "ketune_guard"],
    }
    if params.report_to != "none":
        arguments["external_plugins"].append(TRACKER)
        arguments["callbacks"].append("ketune_tracker")
    if processes(params) > 1:
        # A batch without images leaves the aligner's adapters without a gradient on its rank.
        arguments["ddp_find_unused_parameters"] = True
    if params.fsdp != "none":
        arguments |= {
            "fsdp": _fsdp(recompute=params.gradient_checkpointing),
            "gradient_checkpointing": False,  # FSDP recomputes by itself
            "external_plugins": [*arguments["external_plugins"], MIXED_BATCHES],
        }
    if resume_from is not None:
        arguments["resume_from_checkpoint"] = resume_from
    return command_line(base_model(params, model) | arguments | _ALWAYS)


def _fsdp(*, recompute: bool) -> str:
    """ms-swift's preset fsdp2 with whole weights in checkpoints: sharded ones hold no adapter."""
    config = {
        "fsdp_version": 2,
        "reshard_after_forward": True,
        "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "cpu_ram_efficient_loading": True,
        "state_dict_type": "FULL_STATE_DICT",
        "activation_checkpointing": recompute,
    }
    return json.dumps({"fsdp": "full_shard auto_wrap", "fsdp_config": config})
