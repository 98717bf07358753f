"""Generation by ms-swift's inference engines, seeded so that a resumed run samples the same."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ketune.generation import Answer, Engine, Prompt, Record, answer_concurrently, seed_of
from ketune.models.load import build_template, load_model, load_plugins, unless_auto
from ketune.models.locate import Model
from ketune.params import Params
from ketune.runtime import StageError

_VLLM_PROMPT = 8192  # tokens a prompt may have; the cache for a model's whole context is too large
_VLLM_WIDTH = 512  # prompts handed to vLLM at a time: twice what ms-swift lets it run at once


def load_engine(params: Params, model: Model, *, own_template: bool = False) -> Engine:
    """The model in this process. `own_template`: see build_template.

    With transformers a batch is seeded by generation.seed and its first prompt: the same batches
    give the same bytes on the same machine. With vLLM every prompt has a seed of its own, but what
    else runs beside it may turn a near tie, even at temperature 0: two runs may differ.
    """
    load = _vllm if params.generation.backend == "vllm" else _transformers
    return load(params, model, own_template)


def _transformers(params: Params, model: Model, own_template: bool) -> Engine:
    network, template = load_model(params, model, own_template=own_template)
    from swift.infer_engine import TransformersEngine  # noqa: PLC0415
    from swift.template import update_generation_config_eos_token  # noqa: PLC0415

    update_generation_config_eos_token(network.generation_config, template)
    engine = TransformersEngine(network, template=template, max_batch_size=0)
    # ms-swift puts the model's own top_k in the place of one that is off.
    config = _sampling(params, top_k=len(template.tokenizer))

    def generate(batches: Sequence[Sequence[Prompt]], record: Record) -> None:
        for batch in batches:
            _seed_process(seed_of(params.generation.seed, batch[0]))
            responses = engine.infer([_request(p) for p in batch], config, use_tqdm=False)
            tokens = sum(response.usage.completion_tokens for response in responses)
            record(batch, [_answers(response) for response in responses], tokens)

    return generate


def _vllm(params: Params, model: Model, own_template: bool) -> Engine:
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
    processor = get_processor(model.name, **source)
    engine = VllmEngine(
        model.name,
        template=build_template(params, processor, own_template=own_template),
        use_async_engine=True,
        seed=params.generation.seed,
        max_model_len=_VLLM_PROMPT + params.generation.max_new_tokens,
        **source,
    )
    config = _sampling(params, top_k=-1)

    async def answer(prompt: Prompt) -> tuple[list[Answer], int]:
        seeded = replace(config, seed=seed_of(params.generation.seed, prompt))
        try:
            response = await engine.infer_async(_request(prompt), seeded)
        except ValueError as error:  # too long, or else not to be asked
            raise StageError(f"{prompt.task.task_id} ({prompt.condition}): {error}") from None
        return _answers(response), response.usage.completion_tokens

    def generate(batches: Sequence[Sequence[Prompt]], record: Record) -> None:
        asyncio.run(answer_concurrently(batches, _VLLM_WIDTH, answer, record))

    return generate


def _sampling(params: Params, top_k: int) -> Any:
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


def _request(prompt: Prompt) -> Any:
    from swift.infer_engine import InferRequest  # noqa: PLC0415

    content = "<image>" * len(prompt.task.images) + prompt.task.question
    return InferRequest([{"role": "user", "content": content}], images=prompt.images())


def _answers(response: Any) -> list[Answer]:
    choices = sorted(response.choices, key=lambda choice: choice.index)
    return [Answer(c.message.content, c.finish_reason == "length") for c in choices]


def _seed_process(seed: int) -> None:
    import numpy  # noqa: PLC0415
    import torch  # noqa: PLC0415

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)
