"""What the engines in this process share: the model they load, and how they are asked."""

from typing import Any

from ketune.devices.device import device_name, require_device
from ketune.generation.prompts import Answer, Prompt, Subject
from ketune.models.locate import Model, directory_sha256, plugin_digests, resolved_model
from ketune.models.settle import reads_images, settle_model
from ketune.params import Baseline, Params
from ketune.paths import BASELINES, FINETUNED, MERGED
from ketune.runtime import StageError


def locate_subject(params: Params, baseline: Baseline, label: str) -> tuple[Params, Subject]:
    """The model to query, with what "auto" stands for in `params`.

    Raises StageError when the device, the model or its name is missing.
    """
    require_device(params)
    if label != FINETUNED:
        model = resolved_model(params.model, params.model_revision, BASELINES / f"{label}.json")
    elif (MERGED / "config.json").is_file():
        model = Model(str(MERGED), None, directory_sha256(MERGED))
    else:
        raise StageError(f"{MERGED} has no model; run the merge stage (dvc repro merge)")
    subject = Subject(label, model, baseline.template_backend == "jinja")
    return settle_model(params, model), subject


def check_images(params: Params, subject: Subject, prompts: list[Prompt]) -> None:
    """Raise StageError when prompts have images and the model reads text alone."""
    images = sum(bool(prompt.task.images) for prompt in prompts)
    if not images or reads_images(params, subject.model):
        return
    raise StageError(
        f"{subject.label}: {images} prompts have images and {subject.model.name} reads text "
        f"alone; set multimodal: false in baselines/{subject.label}.yaml"
        if subject.label != FINETUNED
        else f"{images} test rows have images and {subject.model.name} reads text alone; set "
        "data.source to rows without images"
    )


def determinants(params: Params, subject: Subject) -> dict[str, Any]:
    """What determines an answer beside the prompt and the sampling."""
    return {
        "template": [params.template, subject.own_template, params.system, params.max_pixels],
        "plugins": plugin_digests(params.external_plugins),
        "precision": [params.torch_dtype, params.attn_impl, params.use_cpu],
    }


def provenance(params: Params, subject: Subject) -> dict[str, Any]:
    """How the model was run."""
    return {
        "template": "the model's own" if subject.own_template else params.template,
        "torch_dtype": params.torch_dtype,
        "attn_impl": params.attn_impl,
        "device": device_name(params),
    }


def sampling(params: Params, top_k: int) -> Any:
    """Everything is stated: what is not comes from the model's generation_config.json."""
    from swift.infer_engine import RequestConfig  # noqa: PLC0415

    generation = params.generation
    return RequestConfig(
        max_tokens=generation.max_new_tokens,
        temperature=generation.temperature,
        top_p=generation.top_p,
        top_k=top_k,
        min_p=0.0,
        repetition_penalty=generation.repetition_penalty,
        n=generation.n_samples,
    )


def chat_request(prompt: Prompt) -> Any:
    """A prompt as ms-swift's engines take it."""
    from swift.infer_engine import InferRequest  # noqa: PLC0415

    content = "<image>" * len(prompt.task.images) + prompt.task.question
    return InferRequest([{"role": "user", "content": content}], images=prompt.images())


def answers_of(response: Any) -> list[Answer]:
    """The samples of a response of ms-swift's engines."""
    choices = sorted(response.choices, key=lambda choice: choice.index)
    return [Answer(c.message.content, c.finish_reason == "length") for c in choices]
