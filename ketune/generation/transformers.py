"""The backend `transformers`: batches in this process, by ms-swift's engine."""

import random
from collections.abc import Sequence

from ketune.generation.local import (
    answers_of,
    chat_request,
    check_images,
    determinants,
    locate_subject,
    provenance,
    sampling,
)
from ketune.generation.prompts import Backend, Engine, Prompt, Record, Subject, seed_of
from ketune.models.load import load_model
from ketune.params import Params


def load(params: Params, subject: Subject) -> Engine:
    """The model in this process.

    A batch is seeded by generation.seed and its first prompt: the same batches give the same bytes
    on the same machine.
    """
    network, template = load_model(params, subject.model, own_template=subject.own_template)
    from swift.infer_engine import TransformersEngine  # noqa: PLC0415
    from swift.template import update_generation_config_eos_token  # noqa: PLC0415

    update_generation_config_eos_token(network.generation_config, template)
    engine = TransformersEngine(network, template=template, max_batch_size=0)
    # ms-swift puts the model's own top_k in the place of one that is off.
    config = sampling(params, top_k=len(template.tokenizer))

    def generate(batches: Sequence[Sequence[Prompt]], record: Record) -> None:
        for batch in batches:
            _seed_process(seed_of(params.generation.seed, batch[0]))
            responses = engine.infer([chat_request(p) for p in batch], config, use_tqdm=False)
            tokens = sum(response.usage.completion_tokens for response in responses)
            record(batch, [answers_of(response) for response in responses], tokens)

    return generate


def _seed_process(seed: int) -> None:
    import numpy  # noqa: PLC0415
    import torch  # noqa: PLC0415

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)


BACKEND = Backend(
    gpus=1,
    packages=("ms-swift", "torch", "transformers"),
    batch_size=lambda params: params.generation.batch_size,
    locate=locate_subject,
    check=check_images,
    determinants=determinants,
    provenance=provenance,
    load=load,
)
