"""Batched generation by ms-swift's inference engines, seeded so that a batch is reproducible."""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.completions.records import Condition
from stages.completions.tasks import Task
from stages.params import Params
from stages.swift.inference import build_template, load_model, load_plugins, unless_auto
from stages.swift.model import Model

if TYPE_CHECKING:
    from PIL.Image import Image

_VLLM_BATCH = 512  # prompts between two writes of the partial file; vLLM schedules within
_VLLM_PROMPT = 8192  # tokens a prompt may have; the cache for a model's whole context is too large


@dataclass(frozen=True)
class Prompt:
    """A task under a condition."""

    task: Task
    condition: Condition

    @property
    def key(self) -> tuple[str, Condition]:
        return self.task.task_id, self.condition


Engine = Callable[[Sequence[Prompt]], list[list[str]]]


def batches(prompts: Sequence[Prompt], params: Params) -> list[list[Prompt]]:
    """Prompts of similar length and modality together, in an order that only they determine."""
    size = _VLLM_BATCH if params.generation.backend == "vllm" else params.generation.batch_size
    ordered = sorted(prompts, key=lambda p: (p.task.multimodal, len(p.task.question), p.key))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def load_engine(params: Params, model: Model) -> Engine:
    """A function from a batch of prompts to n_samples completions of each.

    The seed of a batch comes from generation.seed and its first prompt, so a resumed run samples
    what an uninterrupted one does.
    """
    backend = _vllm if params.generation.backend == "vllm" else _transformers
    engine, top_k = backend(params, model)
    from swift.infer_engine import InferRequest, RequestConfig  # noqa: PLC0415

    # Everything is stated: what is not comes from the model's generation_config.json.
    generation = params.generation
    config = RequestConfig(
        max_tokens=generation.max_new_tokens,
        temperature=generation.temperature,
        top_p=generation.top_p,
        top_k=top_k,
        repetition_penalty=generation.repetition_penalty,
        n=generation.n_samples,
    )

    def generate(batch: Sequence[Prompt]) -> list[list[str]]:
        config.seed = _seed(generation.seed, batch[0])
        _seed_process(config.seed)
        requests = [
            InferRequest(
                messages=[
                    {"role": "user", "content": "<image>" * len(p.task.images) + p.task.question}
                ],
                images=_images(p),
            )
            for p in batch
        ]
        responses = engine.infer(requests, config, use_tqdm=False)
        return [[choice.message.content for choice in r.choices] for r in responses]

    return generate


def _transformers(params: Params, model: Model) -> tuple[Any, int]:
    network, template = load_model(params, model)
    from swift.infer_engine import TransformersEngine  # noqa: PLC0415
    from swift.template import update_generation_config_eos_token  # noqa: PLC0415

    update_generation_config_eos_token(network.generation_config, template)
    engine = TransformersEngine(network, template=template, max_batch_size=0)
    # ms-swift puts the model's own top_k in the place of one that is off.
    return engine, len(template.tokenizer)


def _vllm(params: Params, model: Model) -> tuple[Any, int]:
    import torch  # noqa: PLC0415

    load_plugins(params)
    from swift.infer_engine import VllmEngine  # noqa: PLC0415
    from swift.model import get_processor  # noqa: PLC0415

    source = {
        "revision": model.revision,
        "model_type": unless_auto(params.model_type),
        "use_hf": True,
        "torch_dtype": getattr(torch, params.torch_dtype),
    }
    template = build_template(params, get_processor(model.name, **source))
    engine = VllmEngine(
        model.name,
        template=template,
        seed=params.generation.seed,
        max_model_len=_VLLM_PROMPT + params.generation.max_new_tokens,
        **source,
    )
    return engine, -1


def _images(prompt: Prompt) -> "list[str | Image]":
    if prompt.condition == "standard":
        return list(prompt.task.images)
    return [_blank(Path(path)) for path in prompt.task.images]


def _blank(path: Path) -> "Image":
    from PIL import Image  # noqa: PLC0415

    with Image.open(path) as image:
        return Image.new("RGB", image.size, "white")


def _seed(seed: int, prompt: Prompt) -> int:
    digest = hashlib.sha256(f"{seed}\0{prompt.key}".encode()).digest()
    return int.from_bytes(digest[:4], "little") >> 1


def _seed_process(seed: int) -> None:
    import numpy  # noqa: PLC0415
    import torch  # noqa: PLC0415

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)
