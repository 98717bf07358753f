"""The only reader of parameters: params.yaml as it is, or with a baseline's file over it."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ketune.params.schema import Baseline, Params, unknown_benchmarks
from ketune.runtime import StageError

# What a file of baselines/ may change of params.yaml: which model runs, and how, but not what it is
# asked nor how it is sampled.
_BASELINE_KEYS = {
    *("model", "model_revision", "model_type", "template", "external_plugins", "system"),
    *("torch_dtype", "attn_impl", "use_cpu", "max_pixels"),
    *("generation.backend", "generation.batch_size"),
}
_ENDPOINT = "generation.endpoint."
# Those of no effect: vLLM has its own attention and batches, an endpoint's server all of its own.
_IGNORED: dict[str, set[str]] = {
    "transformers": set(),
    "vllm": {"attn_impl", "use_cpu", "generation.batch_size"},
    "openai": {
        *("model_revision", "model_type", "template", "external_plugins"),
        *("torch_dtype", "attn_impl", "use_cpu", "generation.batch_size"),
    },
}
# Of another model than that of params.yaml, until its file says otherwise.
_OTHER_MODEL = {
    "model_revision": "main",
    "model_type": "auto",
    "template": "auto",
    "external_plugins": [],
}


_Model = TypeVar("_Model", bound=BaseModel)


def load_params(
    root: Path = Path(),
    changes: Mapping[str, Any] = MappingProxyType({}),
    source: str = "changes",
) -> Params:
    """params.yaml of the repository at `root`, with `changes` as `-S` would make them.

    What stands in the file is what runs: nothing is laid over it. `changes` maps dotted keys to
    values; what is wrong with them and not with the file alone is an error that names `source`.

    Raises StageError naming the file and key: wrong type, out of range, unknown or missing key.
    """
    tree = read_yaml(root / "params.yaml")
    refuse_references(tree, "params.yaml")
    params = validate(Params, tree, "params.yaml")
    if not changes:
        return params
    for key, value in changes.items():
        *sections, name = key.split(".")
        section: Any = tree
        for part in sections:
            section = section.get(part) if isinstance(section, dict) else None
        if not isinstance(section, dict) or name not in section:
            raise StageError(f"{source}: unknown key {key!r}; check its spelling")
        section[name] = value
    return validate(Params, tree, source)


def load_baseline(name: str, root: Path = Path()) -> tuple[Params, Baseline]:
    """A baseline's parameters, and what else baselines/NAME.yaml says.

    The file is laid over params.yaml. One that gives a `model` starts from
    model_revision main, model_type and template auto and no external plugins.

    Raises StageError naming the file and key: no such file, an unknown key, a wrong value, a
    benchmark that params.yaml lacks, a key that the backend, or answers from elsewhere, ignore.
    """
    file = Path("baselines") / f"{name}.yaml"
    if not (root / file).is_file():
        known = ", ".join(sorted(path.stem for path in (root / "baselines").glob("*.yaml")))
        raise StageError(f"params.yaml: baselines: no {file}; write it, or use one of: {known}")
    tree = read_yaml(root / file, empty=True)
    own = {key: tree.pop(key) for key in Baseline.model_fields if key in tree}
    changes = flatten(tree)
    for key in changes:
        if key not in _BASELINE_KEYS and not key.startswith(_ENDPOINT):
            raise StageError(f"{file}: unknown key {key!r}; a baseline may say which model runs")
    baseline = validate(Baseline, own, str(file))
    start = _OTHER_MODEL if "model" in changes else {}
    params = load_params(root, start | changes, str(file))
    _check_baseline(file, params, baseline, changes)
    return params, baseline


def _check_baseline(
    file: Path, params: Params, baseline: Baseline, changes: dict[str, Any]
) -> None:
    names = [benchmark.name for benchmark in params.benchmarks]
    asked = baseline.benchmarks or names
    unknown = unknown_benchmarks(asked, names) or ([] if {*names} & {*asked} else asked)
    if unknown:
        raise StageError(
            f"{file}: benchmarks: no {unknown[0]!r}; params.yaml has {', '.join(names)}"
        )
    own_template = baseline.template_backend == "jinja"
    if baseline.completions is not None:
        if ignored := [*changes, *["template_backend"] * own_template]:
            raise StageError(
                f"{file}: {ignored[0]}: completions produced elsewhere take no model's key"
            )
        return
    backend = params.generation.backend
    for key in changes:
        if key in _IGNORED[backend] or (key.startswith(_ENDPOINT) and backend != "openai"):
            raise StageError(
                f"{file}: {key}: generation.backend {backend} ignores it; remove it, or give this "
                "file another generation.backend"
            )
    if own_template and "system" in changes:
        raise StageError(f"{file}: system: template_backend: jinja ignores it; keep one of them")
    if own_template and baseline.multimodal and backend != "openai":
        raise StageError(
            f"{file}: template_backend: jinja is for a text-only model (multimodal: false)"
        )


def validate(schema: type[_Model], values: dict[str, Any], where: str) -> _Model:
    """`values` as a `schema`. Raises StageError naming `where` and the first wrong key."""
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise StageError(_first_problem(error, where)) from None


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys of nested mappings: {"data": {"seed": 1}} -> {"data.seed": 1}."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def refuse_references(tree: dict[str, Any], where: str) -> None:
    """Raise StageError for a text that DVC would replace: `-S` and `ketune profile` write the whole
    file through OmegaConf, which resolves `${key}` and takes `???` for a missing value."""
    for key, value in flatten(tree).items():
        text = json.dumps(value, ensure_ascii=False)
        if "${" in text or value == "???":
            raise StageError(
                f"{where}: {key}: DVC replaces {'${' if '${' in text else '???'} by another value "
                "when an experiment changes the file; write it otherwise"
            )


def read_yaml(path: Path, *, empty: bool = False) -> dict[str, Any]:
    """A file of keys and values. Raises StageError: cannot be read, not YAML, something else."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StageError(f"{path} not found; run from the repository's root") from None
    except OSError as error:
        raise StageError(f"{path}: {error.strerror}; it must be a file that you may read") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise StageError(
            f"{path}:{line}: not UTF-8 (0x{error.object[error.start]:02x}); convert it, from "
            "Latin-1 by iconv -f LATIN1 -t UTF-8"
        ) from None
    return parse_yaml(text, str(path), empty=empty)


def parse_yaml(text: str, where: str, *, empty: bool = False) -> dict[str, Any]:
    """Keys and values. Raises StageError naming `where`: not YAML, or something else."""
    # ruamel reads YAML 1.2, as DVC does: there 2e-4 is a float; to PyYAML it is a string.
    try:
        tree = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise StageError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from None
    if tree is None and empty:
        return {}
    if not isinstance(tree, dict):
        raise StageError(f"{where}: expected keys and values, got {type(tree).__name__}")
    return tree


def _first_problem(error: ValidationError, where: str) -> str:
    problem = error.errors()[0]
    location = [part for part in problem["loc"] if isinstance(part, int | str)]
    key = ".".join(str(part) for part in location if not _is_union_tag(part))
    kind, value = problem["type"], problem["input"]
    if kind == "extra_forbidden" and key == "profile":
        return f"{where}: profile is no key; `ketune profile {value}` writes a profile's values"
    if kind == "extra_forbidden":
        return f"{where}: unknown key {key!r}; check its spelling"
    if kind == "missing":
        return f"{where}: {key} is missing; add it, or restore the committed file"
    if kind == "value_error":
        message = problem["msg"].removeprefix("Value error, ")
        return f"{where}: {key + ': ' if key else ''}{message}"
    expected = " or ".join(
        dict.fromkeys(
            other["msg"].removeprefix("Input should be ")
            for other in error.errors()
            if other["input"] is value or other["loc"] == problem["loc"]
        )
    )
    quoted = ""
    if kind == "string_type" and isinstance(value, int | float):
        quoted = f"; quote a text that looks like a number, -S \"{key}='…'\" in the shell"
    return f"{where}: {key}: expected {expected}, got {value!r}{quoted}"


def _is_union_tag(part: int | str) -> bool:
    # pydantic names the tried member of a union in the location: not part of the user's key.
    return isinstance(part, str) and (
        part in {"bool", "str"} or part.startswith(("list[", "literal[", "constrained-"))
    )
