"""What every command line of ms-swift shares (ms-swift 4.6, command line parameters)."""

from typing import Any

from ketune.models.locate import Model
from ketune.params import Params


def base_model(params: Params, model: Model) -> dict[str, Any]:
    """Arguments that name the base model, its template and its plugins."""
    arguments: dict[str, Any] = {"model": model.name}
    if model.revision is not None:
        arguments["model_revision"] = model.revision
    if params.model_type != "auto":
        arguments["model_type"] = params.model_type
    if params.template != "auto":
        arguments["template"] = params.template
    if params.external_plugins:
        arguments["external_plugins"] = params.external_plugins
    return arguments


def command_line(arguments: dict[str, Any]) -> list[str]:
    """Arguments as ms-swift takes them: `--name value ...`, booleans in lower case."""
    line = []
    for name, value in arguments.items():
        values = value if isinstance(value, list) else [value]
        line += [f"--{name}", *(_text(item) for item in values)]
    return line


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
