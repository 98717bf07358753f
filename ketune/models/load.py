"""Load a model and its template in this process, set up as in training."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketune.devices.device import usable_attention
from ketune.models.locate import Model
from ketune.models.settle import WHOLE_WEIGHTS
from ketune.params import Params

if TYPE_CHECKING:
    from swift.template import Template
    from transformers import PreTrainedModel


def load_plugins(params: Params) -> None:
    """Import ms-swift without its log lines, the external plugins, and the check of weights."""
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch")
    from swift.utils import import_external_file  # noqa: PLC0415

    for plugin in (*params.external_plugins, WHOLE_WEIGHTS):
        import_external_file(plugin)


def load_model(
    params: Params, model: Model, adapter: Path | None = None, *, own_template: bool = False
) -> tuple["PreTrainedModel", "Template"]:
    """The model, with an adapter on it if one is given, and its template, on the device to use."""
    import torch  # noqa: PLC0415

    load_plugins(params)
    from swift.model import get_model_processor  # noqa: PLC0415
    from swift.tuners import Swift  # noqa: PLC0415

    network, processor = get_model_processor(
        model.name,
        revision=model.revision,
        torch_dtype=getattr(torch, params.torch_dtype),
        device_map="cpu" if params.use_cpu else None,
        attn_impl=usable_attention(params),
        model_type=unless_auto(params.model_type),
        use_hf=True,
    )
    template = build_template(params, processor, own_template=own_template)
    template.model = network  # the collator asks it for position ids
    if adapter is not None:
        network = Swift.from_pretrained(network, str(adapter))
    return network.eval(), template


def build_template(params: Params, processor: Any, *, own_template: bool = False) -> "Template":
    """ms-swift's template for `processor`, as in training.

    It carries the system prompt and max_pixels of training: ms-swift does not restore the latter by
    itself. With `own_template` prompts are rendered by the chat template in the model's own files,
    and get the system prompt that it has for a chat without one.
    """
    from swift.template import get_template, get_template_meta  # noqa: PLC0415

    template_type = unless_auto(params.template)
    meta = get_template_meta(processor.model_info, processor.model_meta, template_type)
    # As in `swift sft`: a model that may think or not does not learn an empty thought.
    hybrid = meta.is_thinking and meta.non_thinking_prefix
    template = get_template(
        processor,
        default_system=None if own_template else params.system,
        max_pixels=params.max_pixels,
        template_type=template_type,
        loss_scale="default+ignore_empty_think" if hybrid else "default",
        template_backend="jinja" if own_template else "swift",
    )
    if own_template:
        # ms-swift would hand its own default, "You are Qwen, …", to the chat template.
        template.template_meta.default_system = None
    return template


def unless_auto(value: str) -> str | None:
    """The value of a parameter whose "auto" leaves the choice to ms-swift."""
    return None if value == "auto" else value
