"""ms-swift plugin: loading fails if a weight is missing, unused or mis-shaped.

ms-swift takes any model_type for any model, and transformers fills a parameter that no file holds
with random values: a run would train something else than it says. The check uses transformers' own
report of each load, so that no weight is read twice.
"""

import re
from collections.abc import Callable, Collection
from typing import Any

from swift.model import MODEL_MAPPING, ModelLoader
from swift.model.model_meta import get_matched_model_meta
from transformers import PretrainedConfig, PreTrainedModel

from ketune.runtime import StageError

_NAMED = 3  # weights that the sentence names


def _require_type(loader: Any) -> None:
    """Raise StageError when the model type is for other architectures than config.json states.

    Some such types load every weight, and differ in what is the vision tower and the aligner. An
    architecture that ms-swift does not list, and a type that it lists the model's name under, pass.
    """
    meta, directory = loader.model_meta, loader.model_info.model_dir
    stated, _ = PretrainedConfig.get_config_dict(directory)
    architecture = (stated.get("architectures") or [None])[0]
    fitting = [name for name, known in MODEL_MAPPING.items() if architecture in known.architectures]
    named = get_matched_model_meta(directory)
    if (
        not fitting
        or meta.model_type in (None, *fitting)
        or (named is not None and named.model_type == meta.model_type)
    ):
        return
    raise StageError(
        f"model_type: {meta.model_type!r} is for {' or '.join(meta.architectures) or 'others'}, "
        f"and {loader.model_info.model_name} is a {architecture}; set model_type to "
        f"auto, or to one of {', '.join(fitting)}"
    )


def _require_whole(loader: Any, model: Any, account: dict[str, Any]) -> None:
    """Raise StageError for parameters without a weight and weights without a parameter.

    `account` is what `from_pretrained` gives with `output_loading_info`: tied weights, and names
    that the model's class says may be missing or left over, are not in it.
    """
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    buffers = {name for name, _ in model.named_buffers()}
    trouble = {
        "parameters are in none of its files and would start at random": parameters
        & set(account["missing_keys"]),
        "weights of its files would be left out": set(account["unexpected_keys"]) - buffers,
        "weights have another shape": {name for name, *_ in account["mismatched_keys"]},
    }
    found = [f"{len(names)} {what} ({_first(names)})" for what, names in trouble.items() if names]
    if found:
        raise StageError(
            f"model_type: {loader.model_info.model_name} does not load as {type(model).__name__}, "
            f"model_type {loader.model_meta.model_type!r}: {'; '.join(found)}; correct "
            "model_type (auto reads it from the model), or use a complete release of the model"
        )


def _first(names: Collection[str]) -> str:
    def layer_by_number(name: str) -> list[Any]:
        return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]

    shown = sorted(names, key=layer_by_number)[:_NAMED]
    return ", ".join(shown) + (", …" if len(names) > _NAMED else "")


def _checked(load: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """ms-swift's `ModelLoader.load` with the checks."""

    def checked(loader: Any) -> Any:
        _require_type(loader)
        original = PreTrainedModel.from_pretrained.__func__
        loading = False

        def from_pretrained(cls: Any, *positional: Any, **named: Any) -> Any:
            nonlocal loading
            # A model's own code may load a part of it from elsewhere on the way.
            if loading or named.get("output_loading_info"):
                return original(cls, *positional, **named)
            loading = True
            try:
                named |= {"output_loading_info": True, "ignore_mismatched_sizes": True}
                model, account = original(cls, *positional, **named)
            finally:
                loading = False
            _require_whole(loader, model, account)
            return model

        setattr(PreTrainedModel, "from_pretrained", classmethod(from_pretrained))  # noqa: B010
        try:
            return load(loader)
        finally:
            setattr(PreTrainedModel, "from_pretrained", classmethod(original))  # noqa: B010

    return checked


ModelLoader.load = _checked(ModelLoader.load)
