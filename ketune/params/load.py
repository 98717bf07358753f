"""The only reader of parameters: params.yaml as it is, or with a baseline's file over it."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ketune.params.schema import Baseline, Params
from ketune.runtime import StageError

_MISSING = object()

# What a file of baselines/ may change of params.yaml: which model runs, and how, but not what it is
# asked nor how it is sampled.
_BASELINE_KEYS = {
    *("model", "model_revision", "model_type", "template", "external_plugins", "system"),
    *("torch_dtype", "attn_impl", "use_cpu", "max_pixels"),
    *("generation.backend", "generation.batch_size"),
}
_ENDPOINT = "generation.endpoint."
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
    values; an error in them names `source`.

    Raises StageError naming the file and key: wrong type, out of range, unknown or missing key.
    """
    params = _read_params(root, changes, source)
    where = source if changes else "params.yaml"
    return validate(Params, params, where, {source: dict(changes)})


def load_baseline(name: str, root: Path = Path()) -> tuple[Params, Baseline]:
    """A baseline's parameters, and what else baselines/NAME.yaml says.

    The file is laid over params.yaml. One that gives a `model` starts from
    model_revision main, model_type and template auto and no external plugins.

    Raises StageError naming the file and key: no such file, an unknown key, a wrong value, the key
    of a model beside completions that were produced elsewhere.
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
    baseline = validate(Baseline, own, str(file), {})
    params = _read_params(root)
    for key, value in ((_OTHER_MODEL if "model" in changes else {}) | changes).items():
        section, last = _locate(params, key)
        section[last] = value
    effective = validate(Params, params, "params.yaml", {str(file): changes})
    _check_baseline(file, effective, baseline, changes)
    return effective, baseline


def _check_baseline(
    file: Path, params: Params, baseline: Baseline, changes: dict[str, Any]
) -> None:
    if baseline.completions is not None and changes:
        raise StageError(
            f"{file}: {next(iter(changes))}: completions produced elsewhere take no model's key"
        )
    names = {benchmark.name for benchmark in params.benchmarks}
    if baseline.benchmarks is not None and not names & set(baseline.benchmarks):
        raise StageError(
            f"{file}: benchmarks: none of {baseline.benchmarks} is in params.yaml, which has "
            f"{', '.join(sorted(names))}"
        )
    if baseline.template_backend == "swift" or params.generation.backend == "openai":
        return
    if baseline.multimodal or "system" in changes:
        raise StageError(
            f"{file}: template_backend: jinja is for a text-only model (multimodal: false) with "
            "its own system prompt (no system)"
        )


def _read_params(
    root: Path, changes: Mapping[str, Any] = MappingProxyType({}), source: str = ""
) -> dict[str, Any]:
    params = read_yaml(root / "params.yaml")
    for key, value in changes.items():
        section, name = _locate(params, key)
        if name not in section:
            raise StageError(f"{source}: unknown key {key!r}; check its spelling")
        section[name] = value
    return params


def validate(
    schema: type[_Model], values: dict[str, Any], where: str, overlays: dict[str, dict[str, Any]]
) -> _Model:
    """`values` as a `schema`. Raises StageError naming the first wrong key and its file.

    The file is that of `overlays` ({file: {key: value}}) which has the wrong value, else `where`.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        raise StageError(_first_problem(error, where, overlays)) from None


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys of nested mappings: {"data": {"seed": 1}} -> {"data.seed": 1}."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def read_yaml(path: Path, *, empty: bool = False) -> dict[str, Any]:
    """A file of keys and values. Raises StageError: not there, not YAML, or something else."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise StageError(f"{path} not found; run from the repository's root") from None
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


def _locate(params: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    *sections, name = key.split(".")
    node = params
    for section in sections:
        node = node.get(section, {})
        if not isinstance(node, dict):
            raise StageError(f"params.yaml: {section}: expected a section, got {node!r}")
    return node, name


def _first_problem(error: ValidationError, where: str, overlays: dict[str, dict[str, Any]]) -> str:
    problem = error.errors()[0]
    location = [part for part in problem["loc"] if isinstance(part, int | str)]
    key = ".".join(str(part) for part in location if not _is_union_tag(part))
    kind, value = problem["type"], problem["input"]
    where = next((name for name, o in overlays.items() if o.get(key, _MISSING) == value), where)
    if kind == "extra_forbidden" and key == "profile":
        return f"{where}: profile is no key; `ketune profile {value}` writes a profile's values"
    if kind == "extra_forbidden":
        return f"{where}: unknown key {key!r}; check its spelling"
    if kind == "missing":
        return f"{where}: {key} is missing; restore it from the committed params.yaml"
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
    return f"{where}: {key}: expected {expected}, got {value!r}"


def _is_union_tag(part: int | str) -> bool:
    # pydantic names the tried member of a union in the location: not part of the user's key.
    return isinstance(part, str) and (
        part in {"bool", "str"} or part.startswith(("list[", "literal[", "constrained-"))
    )
