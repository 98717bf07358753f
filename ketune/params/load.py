"""The only reader of params.yaml, and of any file of keys and values."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ketune.params.schema import Params
from ketune.runtime import StageError

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
