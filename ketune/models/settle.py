"""What ms-swift must be told about a base model: its names for model and template, our plugins."""

import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import HfHubHTTPError

from ketune.models.locate import Model
from ketune.params import Params
from ketune.runtime import StageError, read_jsonl

_PLUGINS = Path("ketune/models/plugins")
WHOLE_WEIGHTS = str(_PLUGINS / "whole_weights.py")  # a weight missing, unused or mis-shaped fails
# By template: plugins for what ms-swift alone does not do.
_PLUGIN_OF = {
    **dict.fromkeys(("internvl_hf", "internvl2_5", "internvl3_5"), _PLUGINS / "internvl.py"),
    **dict.fromkeys(
        ("mistral_2503", "mistral_2506", "mistral_2512", "mistral_2512_thinking"),
        _PLUGINS / "mistral3.py",
    ),
}
# Models with code of their own, which imports timm and knows no other attention than eager.
_OWN_CODE = {"internvl_chat"}
# Kinds of files beside the weights that transformers, vLLM or a model's own code reads.
_KEPT = {".json", ".jinja", ".txt", ".model", ".tiktoken", ".py"}


def settle_model(params: Params, model: Model) -> Params:
    """`params` with what "auto" stands for and the plugins that the model needs.

    ms-swift is asked, which takes seconds to import, when model_type or template is auto: it knows
    a model by its name on the hub, by the args.json that it leaves in what it merged, else by the
    architecture in config.json.

    Raises StageError naming the parameter to set when it cannot tell, or a plugin out of place.
    """
    for path in params.external_plugins:
        if Path(path).parent != _PLUGINS:
            raise StageError(
                f"external_plugins: {path} lies outside {_PLUGINS}/, whose files DVC watches; "
                "move it there"
            )
    model_type, template = params.model_type, params.template
    if "auto" in (model_type, template):
        model_type, template = _ask(params, model)
    changes: dict[str, Any] = {"model_type": model_type, "template": template}
    plugin = str(_PLUGIN_OF.get(template, ""))
    if plugin and plugin not in params.external_plugins:
        changes["external_plugins"] = [*params.external_plugins, plugin]
    if model_type in _OWN_CODE:
        _require_timm(model)
        if params.attn_impl != "eager":
            print(f"attn_impl eager in the place of {params.attn_impl}: {model.name} has no other")
            changes["attn_impl"] = "eager"
    return params.model_copy(update=changes)


def require_trainable(model: Model) -> None:
    """Raise StageError for weights in a quantised format, which takes no adapter that can merge."""
    quantisation = read_config(model).get("quantization_config")
    if quantisation is None:
        return
    method = quantisation.get("quant_method", "quantised")
    raise StageError(
        f"model {model.name!r} holds {str(method).upper()} weights, into which no adapter can be "
        f"merged; {_unquantised(model)}"
    )


def require_image_support(params: Params, model: Model, rows: Path) -> None:
    """Raise StageError when prepared `rows` have images and the model reads text alone.

    `params` must be settled. Rows with images are not left out: the figures would be of
    another dataset than they say.
    """
    if reads_images(params, model):
        return
    images = [bool(row["images"]) for row in read_jsonl(rows)]
    if any(images):
        raise StageError(
            f"{rows}: {sum(images)} of {len(images)} rows have images and {model.name} reads text "
            "alone; set model to a vision-language model, or data.source to rows without images"
        )


def reads_images(params: Params, model: Model) -> bool:
    """Whether a model takes images. `params` must be settled."""
    # A configuration that states a vision part answers without importing ms-swift.
    if "vision_config" in read_config(model):
        return True
    from swift.model import MODEL_MAPPING  # noqa: PLC0415 - seconds to import

    known = MODEL_MAPPING.get(params.model_type)
    return known is not None and bool(known.is_multimodal)


def read_config(model: Model) -> dict[str, Any]:
    """config.json of a model, without its weights. Raises StageError when there is none to read."""
    return _config(model)[1]


def _config(model: Model) -> tuple[Path, dict[str, Any]]:
    """The path of config.json, and its content."""
    try:
        path = (
            Path(model.name).expanduser() / "config.json"
            if model.revision is None
            else Path(hf_hub_download(model.name, "config.json", revision=model.revision))
        )
        return path, json.loads(path.read_text(encoding="utf-8"))
    except (OSError, HfHubHTTPError, httpx.HTTPError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise StageError(
            f"model {model.name!r}: no readable config.json ({reason}); use a release in "
            "transformers' format"
        ) from None


def _require_timm(model: Model) -> None:
    if find_spec("timm") is None:
        raise StageError(
            f"model {model.name!r} comes with code of its own that imports timm, which is not "
            "installed; install it (uv pip install timm), or use a release in transformers' format "
            "such as OpenGVLab/InternVL3_5-8B-HF"
        )


def _ask(params: Params, model: Model) -> tuple[str, str]:
    """ms-swift's names for the model and its template."""
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    from swift.model import get_model_info_meta  # noqa: PLC0415 - seconds to import
    from swift.template import get_template_meta  # noqa: PLC0415

    given = None if params.model_type == "auto" else params.model_type
    # Of a hub model the snapshot, whose path holds the name: ms-swift would ask the hub again.
    path, _ = _config(model)
    try:
        info, meta = get_model_info_meta(str(path.parent), use_hf=True, model_type=given)
    except ValueError:
        raise StageError(_unknown_type(model, given)) from None
    if params.template != "auto":
        return meta.model_type or "auto", params.template
    try:
        return meta.model_type or "auto", get_template_meta(info, meta).template_type
    except ValueError:
        raise StageError(
            f"template: ms-swift cannot tell which of {', '.join(meta.candidate_templates)} "
            f"{model.name} was trained with; set template"
        ) from None


def _unknown_type(model: Model, given: str | None) -> str:
    from swift.model import MODEL_MAPPING  # noqa: PLC0415

    if given is not None:
        return f"model_type: ms-swift knows no {given!r}; correct it, or set auto"
    architecture = (read_config(model).get("architectures") or ["none"])[0]
    known = [name for name, meta in MODEL_MAPPING.items() if architecture in meta.architectures]
    which = f"it may be {', '.join(known)}" if known else "ms-swift knows none of that architecture"
    return (
        f"model_type: ms-swift cannot tell it from {model.name} (architecture {architecture}); "
        f"{which}; set model_type"
    )


def _unquantised(model: Model) -> str:
    """What to do instead of training a quantised release, by ms-swift's list of releases."""
    from swift.model import MODEL_MAPPING  # noqa: PLC0415

    groups = (group for meta in MODEL_MAPPING.values() for group in meta.model_groups)
    listed = {release.hf_model_id for group in groups for release in group.models}
    for name in (f"{model.name}-BF16", model.name.removesuffix("-FP8")):
        if name in listed - {model.name}:
            return f"train its BF16 release: -S model={name}"
    return "set model to its release in BF16"


def keep_files(base: Model, merged: Path) -> list[str]:
    """Copy what inference may read beside the weights and `merged` lacks; return the names.

    ms-swift's export leaves out files that neither model nor processor saves, such as a system
    prompt (SYSTEM_PROMPT.txt), Mistral's own vocabulary (tekken.json) or a model's code.
    """
    if base.revision is None:
        source = Path(base.name).expanduser()
    else:
        source = Path(snapshot_download(base.name, revision=base.revision, local_files_only=True))
    missing = [
        path
        for path in sorted(source.iterdir())
        if path.is_file() and _is_kept(path.name) and not (merged / path.name).exists()
    ]
    for path in missing:
        shutil.copyfile(path, merged / path.name)
    return [path.name for path in missing]


def _is_kept(name: str) -> bool:
    # The index and params.json describe weights that are not the merged ones.
    if name == "params.json" or name.endswith(".index.json"):
        return False
    return name.startswith("LICENSE") or Path(name).suffix in _KEPT
