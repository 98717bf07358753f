"""Several processes and nodes: the launcher's command line, the global batch, contradictions.

Processes are started by torch's elastic launcher, as ms-swift's own command does
(swift/cli/main.py); `ketune/training/worker.py` stands between the two so that no rank outlives its
launcher.
"""

import json
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ketune.params import Params
from ketune.runtime import StageError

_WORKER = Path(__file__).with_name("worker.py")
_PORT = "29500"
_OWN = Path("ketune/training")  # train depends on it
DEEPSPEED = ("zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload")


def processes(params: Params) -> int:
    """Processes that train together, over all nodes."""
    return params.nproc_per_node * params.nnodes


def global_batch(params: Params) -> int:
    """Rows an optimiser step: batch size x accumulation x processes x nodes."""
    rows = params.per_device_train_batch_size * params.gradient_accumulation_steps
    return rows * processes(params)


def node_rank(params: Params, environment: Mapping[str, str] = os.environ) -> int:
    """This machine's number, from NODE_RANK; 0 publishes.

    Raises StageError: several nodes without NODE_RANK and MASTER_ADDR, or one that does not exist.
    """
    if params.nnodes == 1:
        return 0
    rank, address = environment.get("NODE_RANK", ""), environment.get("MASTER_ADDR", "")
    if not (rank.isdecimal() and int(rank) < params.nnodes and address):
        raise StageError(
            f"nnodes is {params.nnodes}: set NODE_RANK (0 to {params.nnodes - 1}, here {rank!r}) "
            f"and MASTER_ADDR (the host of node 0, here {address!r}) in the environment"
        )
    return int(rank)


def keep_global_batch(params: Params) -> Params:
    """Split the batch of params.yaml over the processes: the same rows an optimiser step.

    gradient_accumulation_steps is divided where it divides; else rows of
    per_device_train_batch_size move to the other processes too. Either is printed.

    Raises StageError when the rows cannot be split evenly.
    """
    count = processes(params)
    if count == 1:
        return params
    size, steps = params.per_device_train_batch_size, params.gradient_accumulation_steps
    if (size * steps) % count:
        raise StageError(
            f"a batch of {size * steps} rows (per_device_train_batch_size {size} x "
            f"gradient_accumulation_steps {steps}) cannot be split over {count} processes; use a "
            "number of processes that divides it, or change per_device_train_batch_size"
        )
    rows = size * steps // count
    steps = next(n for n in range(1, rows + 1) if rows % n == 0 and rows // n <= size)
    split = params.model_copy(
        update={
            "per_device_train_batch_size": rows // steps,
            "gradient_accumulation_steps": steps,
        }
    )
    print(
        f"global batch {global_batch(split)}, as with one process: {rows // steps} rows x "
        f"{steps} accumulated x {count} processes",
        flush=True,
    )
    return split


def launcher(params: Params, environment: Mapping[str, str] = os.environ) -> list[str]:
    """What stands between the interpreter and ms-swift's script; empty for a single process."""
    if processes(params) == 1 and params.deepspeed == "none":
        return []
    line = ["-m", "torch.distributed.run", "--nproc_per_node", str(params.nproc_per_node)]
    if params.nnodes == 1:
        line.append("--standalone")  # a free port, as other runs may share this machine
    else:
        line += ["--nnodes", str(params.nnodes)]
        line += ["--node_rank", str(node_rank(params, environment))]
        line += ["--master_addr", environment["MASTER_ADDR"]]
        line += ["--master_port", environment.get("MASTER_PORT", _PORT)]
    return [*line, str(_WORKER)]


def check_scale(params: Params) -> None:
    """Raise StageError for scale and speed settings that contradict each other or this machine."""
    sharded = [name for name in ("deepspeed", "fsdp") if getattr(params, name) != "none"]
    node_rank(params)
    if len(sharded) == 2:
        raise StageError("deepspeed and fsdp both shard the model: set one of them to none")
    for name in sharded:
        _check_sharding(params, name)
    if params.use_liger_kernel and (params.use_cpu or find_spec("liger_kernel") is None):
        lack = "a CUDA GPU" if params.use_cpu else "liger-kernel, which is not installed"
        raise StageError(
            f"use_liger_kernel needs {lack}; run `make gpu` or use -S use_liger_kernel=false"
        )
    if not params.use_cpu:
        _check_gpus(params.nproc_per_node)


def _check_sharding(params: Params, name: str) -> None:
    value = getattr(params, name)
    known = (*DEEPSPEED, f"a JSON file of {_OWN}/") if name == "deepspeed" else ("fsdp2",)
    config = _own_config(value) if name == "deepspeed" else None
    if value not in known and config is None:
        raise StageError(f"{name}: {value!r} is neither none nor one of {', '.join(known)}")
    if params.use_cpu:
        raise StageError(
            f"{name} needs CUDA GPUs: on the CPU it would be ignored; use -S {name}=none"
        )
    if name == "deepspeed" and find_spec("deepspeed") is None:
        raise StageError(
            "deepspeed is not installed; install the gpu extra (`make gpu`) or use -S fsdp=fsdp2"
        )
    if name == "fsdp" and processes(params) == 1:
        raise StageError("fsdp shards over processes: set nproc_per_node above 1")
    if value.startswith("zero3") or name == "fsdp" or (config and _zero_stage(value, config) == 3):
        wants = {"init_weights": params.init_weights in {"pissa", "olora"}}
        wants["use_dora"] = params.use_dora
        for key in (key for key, wanted in wants.items() if wanted):
            raise StageError(
                f"{key} {getattr(params, key)} reads whole weights, which {value} shards; "
                f"use -S {name}=none, or deepspeed=zero2"
            )


def _own_config(value: str) -> dict[str, Any] | None:
    """The user's DeepSpeed configuration, where DVC sees edits of it; None when there is none."""
    path = Path(value)
    if path.parent != _OWN or not path.is_file():
        return None
    try:
        config = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise StageError(f"deepspeed: {value} is not JSON ({error}); correct it") from None
    if not isinstance(config, dict):
        raise StageError(f"deepspeed: {value} must hold an object, not {type(config).__name__}")
    return config


def _zero_stage(value: str, config: dict[str, Any]) -> int:
    """The ZeRO stage of a DeepSpeed configuration; without one DeepSpeed shards nothing.

    Raises StageError where it is none of DeepSpeed's (its documentation, "Configuration JSON").
    """
    zero = config.get("zero_optimization", {})
    stage = zero.get("stage", 0) if isinstance(zero, dict) else None
    if type(stage) is not int or not 0 <= stage <= 3:
        raise StageError(
            f"deepspeed: {value}: zero_optimization: expected an object whose stage is 0, 1, 2 "
            f"or 3, got {json.dumps(zero)}"
        )
    return stage


def _check_gpus(wanted: int) -> None:
    import torch  # noqa: PLC0415 (the CPU profile need not wait for it)

    if wanted > (visible := torch.cuda.device_count()):
        raise StageError(
            f"nproc_per_node is {wanted} and {visible} GPUs are visible; lower it, or check "
            "CUDA_VISIBLE_DEVICES"
        )
