"""profile: another scale, as ordinary changes to params.yaml.

ketune profile smoke                            # write laptop scale into params.yaml
ketune profile full                             # put the recommended values back
dvc exp run $(ketune profile smoke --flags) -S lora_rank=64
"""

import argparse
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ketune.params.load import flatten, load_params, parse_yaml, read_yaml, refuse_references
from ketune.runtime import StageError, atomic_open

FULL = "full"  # the recommended configuration: params.yaml as it is committed
_PARAMS = "params.yaml"
# A profile is a scale: size and hardware. Never LoRA, the optimiser or how a model is judged.
SCALE_KEYS = {
    *("model", "model_revision", "model_type", "template", "external_plugins"),
    *("torch_dtype", "bf16", "attn_impl", "use_cpu", "max_pixels", "dataloader_num_workers"),
    *("per_device_train_batch_size", "gradient_accumulation_steps", "per_device_eval_batch_size"),
    *("logging_steps", "eval_steps", "save_steps", "gradient_checkpointing", "padding_free"),
    *("use_liger_kernel", "nproc_per_node", "nnodes", "deepspeed", "fsdp"),
    *("data.source", "data.synthetic_train", "data.synthetic_validation", "data.synthetic_test"),
    *("data.image_max_size", "generation.backend", "generation.batch_size"),
    *("generation.max_new_tokens", "benchmarks", "evaluation.timeout"),
}


def profiles(root: Path = Path()) -> list[str]:
    """Names of the profiles: `full`, and the files of profiles/."""
    return [FULL, *sorted(file.stem for file in (root / "profiles").glob("*.yaml"))]


def require_profile(name: str, root: Path = Path()) -> None:
    """Raise StageError where no profile has the name."""
    if name not in profiles(root):
        raise StageError(f"no profile {name!r}; use one of: {', '.join(profiles(root))}")


def profile_changes(name: str, root: Path = Path()) -> dict[str, Any]:
    """Dotted keys and values that bring params.yaml to a profile: those of profiles/NAME.yaml.

    Of `full` they are the recommended ones, and none where params.yaml is at no other profile.

    Raises StageError: no such profile, or a key that is none of size or hardware.
    """
    require_profile(name, root)
    if name == FULL:
        return {} if held_profile(root) == FULL else recommended(root)
    path = Path("profiles") / f"{name}.yaml"
    changes = flatten(read_yaml(root / path))
    if other := sorted(changes.keys() - SCALE_KEYS):
        raise StageError(f"{path}: {other[0]}: a profile may set size and hardware keys alone")
    return changes


def held_profile(root: Path = Path()) -> str:
    """The profile that most of its keys in params.yaml agree with, `full` if there is none."""
    return _profile_of(flatten(read_yaml(root / _PARAMS)), root) or FULL


def scale_of_params(root: Path = Path()) -> str:
    """The profile that params.yaml holds, for runs that are compared with others of that scale.

    Raises StageError where it holds one but for some keys: its values would replace them.
    """
    name = held_profile(root)
    values = flatten(read_yaml(root / _PARAMS))
    changes = {} if name == FULL else profile_changes(name, root)
    if own := [key for key, value in changes.items() if values.get(key) != value]:
        raise StageError(
            f"{_PARAMS} is at profile {name} but for {', '.join(own)}; run `ketune profile "
            f"{name}`, or give --profile {name} to run with its values"
        )
    return name


def recommended(root: Path = Path()) -> dict[str, Any]:
    """The recommended value of every key that a profile may change.

    They stand in one place, the committed params.yaml: that of the newest commit reachable from
    HEAD whose file is at no other profile.

    Raises StageError without a git history that holds one.
    """
    values = flatten(parse_yaml(_recommended_text(root), f"{_PARAMS}, as committed"))
    return {key: value for key, value in values.items() if key in SCALE_KEYS}


def _recommended_text(root: Path) -> str:
    for commit in _git(root, "log", "--format=%H", "--", _PARAMS).split():
        text = _git(root, "show", f"{commit}:./{_PARAMS}")
        if _profile_of(flatten(parse_yaml(text, f"{_PARAMS} of {commit[:9]}")), root) is None:
            return text
    raise StageError(f"{_PARAMS}: no commit holds the recommended values; restore the file")


def short_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What differs between two params.yaml, by dotted keys, as "key=value" for a person.

    All keys of a profile that `after` is at are one, "profile=smoke", where most of them changed.
    """
    changed = [key for key in dict.fromkeys((*before, *after)) if before.get(key) != after.get(key)]
    for name in profiles()[1:]:
        changes = profile_changes(name)
        held = all(after.get(key) == value for key, value in changes.items())
        if held and 2 * len(changes.keys() & changed) > len(changes):
            own = [f"{key}={after.get(key)}" for key in changed if key not in changes]
            return [f"profile={name}", *own]
    return [f"{key}={after.get(key)}" for key in changed]


def overrides(changes: Mapping[str, Any]) -> list[str]:
    """`changes` as `dvc exp run -S` takes them, without a space, for the shell to split."""
    return [f"{key}={_hydra(value)}" for key, value in changes.items()]


def main(argv: Sequence[str] | None = None) -> None:
    """Write a profile into params.yaml, or print it as flags."""
    parser = argparse.ArgumentParser(
        prog="ketune profile",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", help=f"one of: {', '.join(profiles())}")
    parser.add_argument("--flags", action="store_true", help="print -S flags; change nothing")
    arguments = parser.parse_args(argv)
    changes = recommended() if arguments.name == FULL else profile_changes(arguments.name)
    if arguments.flags:
        print(" ".join(part for change in overrides(changes) for part in ("-S", change)))
        return
    changed = write(changes)
    if arguments.name == FULL:
        _restore_layout()
    load_params()
    source = ", as last committed" if arguments.name == FULL else ""
    print(f"{_PARAMS}: {len(changed)} keys changed to profile {arguments.name}{source}")
    for key in changed:
        print(f"  {key}: {json.dumps(changes[key], ensure_ascii=False)}")


def write(changes: Mapping[str, Any], root: Path = Path()) -> list[str]:
    """Make `changes` in params.yaml as `dvc exp run -S` does; return the keys that changed."""
    # DVC takes a second to import, and scoring alone comes without it.
    from dvc.utils.hydra import apply_overrides  # noqa: PLC0415

    tree = read_yaml(root / _PARAMS)
    refuse_references(tree, _PARAMS)
    before = flatten(tree)
    changed = [key for key, value in changes.items() if before.get(key) != value]
    # On a copy, so that a failure halfway leaves the file whole.
    copy = root / f".new.{_PARAMS}"
    try:
        copy.write_bytes((root / _PARAMS).read_bytes())
        apply_overrides(str(copy), overrides({key: changes[key] for key in changed}))
        with atomic_open(root / _PARAMS) as file:
            file.write(copy.read_text(encoding="utf-8"))
    finally:
        copy.unlink(missing_ok=True)
    return changed


def _restore_layout() -> None:
    """Put back the committed file where it says the same, in values and comments: DVC's dumper
    moves comments."""
    committed, path = _recommended_text(Path()), Path(_PARAMS)
    own = _comments(path.read_text(encoding="utf-8")) - _comments(committed)
    if not own and parse_yaml(committed, _PARAMS) == read_yaml(path):
        with atomic_open(path) as file:
            file.write(committed)


def _comments(text: str) -> set[str]:
    return {comment.strip() for comment in re.findall(r"(?:^|\s)#(.*)", text)}


def _profile_of(values: Mapping[str, Any], root: Path) -> str | None:
    """At a profile some keys may have been changed since: it is where most of them agree."""
    for name in profiles(root)[1:]:
        changes = profile_changes(name, root)
        if 2 * sum(values.get(key) == value for key, value in changes.items()) > len(changes):
            return name
    return None


def _git(root: Path, *arguments: str) -> str:
    # What is not UTF-8 gets characters that no YAML may have, and so an error of its own.
    result = subprocess.run(
        ["git", *arguments],
        cwd=root,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )
    if result.returncode:
        raise StageError(
            f"{_PARAMS}: its history cannot be read, where the recommended values stand "
            f"({result.stderr.strip()}); restore the file by hand"
        )
    return result.stdout


def _hydra(value: Any) -> str:
    """A value in Hydra's override grammar, of which a bare word would read some as other types."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_hydra(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_hydra, value)) + "]"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "null" if value is None else json.dumps(value)
