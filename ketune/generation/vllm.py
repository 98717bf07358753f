"""The backend `vllm`: vLLM in this process, which schedules prompts by itself."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec

from ketune.devices.device import require_device
from ketune.generation.concurrent import answer_concurrently
from ketune.generation.local import (
    answers_of,
    chat_request,
    check_images,
    determinants,
    locate_subject,
    provenance,
    sampling,
)
from ketune.generation.prompts import Answer, Backend, Engine, Prompt, Record, Subject, seed_of
from ketune.models.load import build_template, load_plugins, unless_auto
from ketune.params import Baseline, Params
from ketune.runtime import StageError

_VLLM_PROMPT = 8192  # tokens a prompt may have; the cache for a model's whole context is too large
_VLLM_WIDTH = 512  # prompts handed to vLLM at a time: twice what ms-swift lets it run at once


def locate(params: Params, baseline: Baseline, label: str) -> tuple[Params, Subject]:
    """As every engine of this process. Raises StageError also where vLLM is not installed."""
    require_device(params)
    if find_spec("vllm") is None:
        raise StageError(
            "generation.backend 'vllm' is not installed; install the gpu extra (`make gpu`) "
            "or use -S generation.backend=transformers"
        )
    return locate_subject(params, baseline, label)


def load(params: Params, subject: Subject) -> Engine:
    """The model in this process.

    Every prompt has a seed of its own, but what else runs beside it may turn a near tie, even at
    temperature 0: two runs may differ.
    """
    import torch  # noqa: PLC0415

    load_plugins(params)
    from swift.infer_engine import VllmEngine  # noqa: PLC0415
    from swift.model import get_processor  # noqa: PLC0415

    source = {
        "revision": subject.model.revision,
        "model_type": unless_auto(params.model_type),
        "use_hf": True,
        "torch_dtype": getattr(torch, params.torch_dtype),
    }
    processor = get_processor(subject.model.name, **source)
    engine = VllmEngine(
        subject.model.name,
        template=build_template(params, processor, own_template=subject.own_template),
        use_async_engine=True,
        seed=params.generation.seed,
        max_model_len=_VLLM_PROMPT + params.generation.max_new_tokens,
        **source,
    )
    config = sampling(params, top_k=-1)

    async def answer(prompt: Prompt) -> tuple[list[Answer], int]:
        seeded = replace(config, seed=seed_of(params.generation.seed, prompt))
        try:
            response = await engine.infer_async(chat_request(prompt), seeded)
        except ValueError as error:  # too long, or else not to be asked
            raise StageError(f"{prompt.task.task_id} ({prompt.condition}): {error}") from None
        return answers_of(response), response.usage.completion_tokens

    def generate(batches: Sequence[Sequence[Prompt]], record: Record) -> None:
        asyncio.run(answer_concurrently(batches, _VLLM_WIDTH, answer, record))

    return generate


BACKEND = Backend(
    gpus=1,
    packages=("ms-swift", "torch", "transformers", "vllm"),
    batch_size=lambda params: 1,  # noqa: ARG005 - vLLM makes its own
    locate=locate,
    check=check_images,
    determinants=determinants,
    provenance=provenance,
    load=load,
)
