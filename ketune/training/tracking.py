"""Records of a training run for Weights & Biases or TensorBoard, in runs/ of the repository.

A directory a run, named after its experiment: outside every output and outside scratch and
temporary directories, so that `dvc exp run --temp` and the queue leave records too. A run that goes
on goes on in its directory. Credentials come from the environment, where the trackers look for
them, and are written nowhere.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any

from ketune.params import Params
from ketune.runtime import write_json
from ketune.training.arguments import training_keys

_RUN = "run.json"


@dataclass(frozen=True)
class Record:
    """Arguments of `swift sft` and environment variables of its process."""

    arguments: list[str]
    environment: dict[str, str]


@contextmanager
def tracked(params: Params, key: str, model_digest: str) -> Iterator[Record]:
    """What makes the training process record itself; the record is whole when the block succeeds.

    `key` identifies the run: an unfinished record of that key is continued.
    """
    if params.report_to == "none":
        yield Record([], {})
        return
    root = Path(os.environ.get("DVC_ROOT") or Path.cwd()) / "runs"
    described = describe(params, key) | {"model_digest": model_digest}
    directory = _unfinished(root, key) or _fresh(root, str(described["name"]))
    described["name"] = directory.name
    write_json(directory / _RUN, described | {"finished": False})
    print(f"{params.report_to}: {directory}", flush=True)
    environment = {
        "KETUNE_RUN": json.dumps(described, ensure_ascii=False),
        "TENSORBOARD_LOGGING_DIR": str(directory),
    }
    if params.report_to == "wandb":
        environment |= _wandb(params, directory, key)
    yield Record(["--run_name", directory.name], environment)
    write_json(directory / _RUN, described | {"finished": True})


def describe(params: Params, key: str) -> dict[str, Any]:
    """What a run is: its name, the changes that make it up, and the revisions it comes from."""
    revision, branch = _git("rev-parse", "HEAD"), _git("branch", "--show-current")
    experiment = os.environ.get("DVC_EXP_NAME")
    variant = f"{_variant(params)}-r{params.lora_rank}"
    place = "-".join(filter(None, [branch.replace("/", "-"), revision[:7]]))
    return {
        "name": experiment or "-".join(filter(None, [place, variant])),
        "experiment": experiment,
        "model": params.model,
        "variant": variant,
        "git_revision": revision or None,
        "dvc_baseline_revision": os.environ.get("DVC_EXP_BASELINE_REV"),
        "run_key": key,
        "params": training_keys(params),
    }


def _variant(params: Params) -> str:
    """The PEFT variant as the published tables name it."""
    if isinstance(params.init_weights, str):
        return params.init_weights
    if params.use_dora:
        return "dora"
    return "rslora" if params.use_rslora else "lora"


def _wandb(params: Params, directory: Path, key: str) -> dict[str, str]:
    environment = {
        "WANDB_PROJECT": os.environ.get("WANDB_PROJECT", "ketune"),
        "WANDB_DIR": str(directory),
        # wandb refuses the id of a deleted run: another directory is another run.
        "WANDB_RUN_ID": f"{key[:12]}-{directory.name}"[:64],
        "WANDB_RESUME": "allow",
        "WANDB_TAGS": f"{Path(params.model).name},{_variant(params)},r{params.lora_rank}",
        # A remote's URL may hold a token; the revision is in the run's configuration.
        "WANDB_DISABLE_GIT": "true",
        "WANDB_DISABLE_CODE": "true",
    }
    if not ({"WANDB_API_KEY", "WANDB_MODE"} & os.environ.keys() or _logged_in()):
        environment["WANDB_MODE"] = "offline"
        print(
            f"WANDB_API_KEY is not set: recording offline; `wandb sync {directory}/wandb/offline-*`"
            " uploads it",
            flush=True,
        )
    return environment


def _logged_in() -> bool:
    try:
        hosts = netrc().hosts
    except (FileNotFoundError, NetrcParseError):
        return False
    return any("wandb" in host for host in hosts)


def _unfinished(root: Path, key: str) -> Path | None:
    for path in sorted(root.glob(f"*/{_RUN}")):
        run = json.loads(path.read_text(encoding="utf-8"))
        if run["run_key"] == key and not run["finished"]:
            return path.parent
    return None


def _fresh(root: Path, name: str) -> Path:
    number, directory = 1, root / name
    while directory.exists():
        number += 1
        directory = root / f"{name}-{number}"
    directory.mkdir(parents=True)
    return directory


def _git(*arguments: str) -> str:
    """A line of git's output, empty outside a repository."""
    result = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else ""
