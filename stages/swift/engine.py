"""Batched generation by ms-swift's inference engines, seeded so that a batch is reproducible."""

import random
from collections.abc import Sequence
from typing import Any

from stages.generation import Answer, Engine, Prompt, Record, seed_of
from stages.params import Params
from stages.swift.inference import build_template, load_model, load_plugins, unless_auto
from stages.swift.model import Model

_VLLM_PROMPT = 8192  # tokens a prompt may have; the cache for a model's whole context is too large


def load_engine(params: Params, model: Model, *, own_template: bool = False) -> Engine:
    """The model in this process. `own_template`: see build_template.

    The seed of a batch comes from generation.seed and its first prompt, so a resumed run samples
    what an uninterrupted one does. With transformers the same batches give the same bytes on the
    same machine. vLLM is deterministic for a request's seed only as far as its kernels are: what
    else is in the batch may turn a near tie, even at temperature 0.
    """
    backend = _vllm if params.generation.backend == "vllm" else _transformers
    engine, top_k = backend(params, model, own_template)
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

    def generate(batches: Sequence[Sequence[Prompt]], record: Record) -> None:
        for batch in batches:
            config.seed = seed_of(generation.seed, batch[0])
            _seed_process(config.seed)
            requests = [
                InferRequest(
                    messages=[
                        {
                            "role": "user",
                            "content": "<image>" * len(p.task.images) + p.task.question,
                        }
                    ],
                    images=p.images(),
                )
                for p in batch
            ]
            responses = engine.infer(requests, config, use_tqdm=False)
            answers = [
                [Answer(c.message.content, c.finish_reason == "length") for c in r.choices]
                for r in responses
            ]
            record(batch, answers, sum(r.usage.completion_tokens for r in responses))

    return generate


def _transformers(params: Params, model: Model, own_template: bool) -> tuple[Any, int]:
    network, template = load_model(params, model, own_template=own_template)
    from swift.infer_engine import TransformersEngine  # noqa: PLC0415
    from swift.template import update_generation_config_eos_token  # noqa: PLC0415

    update_generation_config_eos_token(network.generation_config, template)
    engine = TransformersEngine(network, template=template, max_batch_size=0)
    # ms-swift puts the model's own top_k in the place of one that is off.
    return engine, len(template.tokenizer)


def _vllm(params: Params, model: Model, own_template: bool) -> tuple[Any, int]:
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
        seed=params.generation.seed,
        max_model_len=_VLLM_PROMPT + params.generation.max_new_tokens,
        **source,
    )
    return engine, -1


def _seed_process(seed: int) -> None:
    import numpy  # noqa: PLC0415
    import torch  # noqa: PLC0415

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)
