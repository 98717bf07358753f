"""The backend `openai`: any server of OpenAI's chat completions, as vLLM, SGLang or a proxy is one.

Sampling is seeded a request, but only the server knows whether it heeds the seed, and none is
deterministic to the last bit under load: completions, not seeds, are what a comparison rests on.
"""

import asyncio
import base64
import io
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from ketune.generation.concurrent import answer_concurrently
from ketune.generation.connection import complete, open_client
from ketune.generation.prompts import Answer, Backend, Engine, Prompt, Record, Subject, seed_of
from ketune.models.locate import Model, directory_sha256
from ketune.params import Baseline, Params
from ketune.paths import FINETUNED, MERGED


def locate(params: Params, baseline: Baseline, label: str) -> tuple[Params, Subject]:
    """The fine-tuned or base model's directory, else whatever the endpoint calls by the name."""
    if label == FINETUNED or Path(params.model).is_dir():
        name = str(MERGED) if label == FINETUNED else params.model
        model = Model(name, None, directory_sha256(Path(name)))
    else:
        model = Model(params.model, None, params.model)
    return params, Subject(label, model, baseline.template_backend == "jinja")


def served_name(model: Model) -> str:
    """The name an endpoint must serve a model under: with the digest of a directory's weights.

    So no server that still has the last experiment's weights is taken for this one's.
    """
    path = Path(model.name)
    return f"{path.name}-{model.digest[:12]}" if path.is_dir() else model.name


def determinants(params: Params, subject: Subject) -> dict[str, Any]:
    """What of the endpoint may change an answer. A resumed run may ask slower or more patiently."""
    return {
        "endpoint": params.generation.endpoint.model_dump(include={"base_url", "extensions"}),
        "template": [subject.own_template, params.system, params.max_pixels],
    }


def provenance(params: Params, subject: Subject) -> dict[str, Any]:
    """Where the model was served."""
    return {
        "served_as": served_name(subject.model),
        "endpoint": determinants(params, subject)["endpoint"],
    }


def load(params: Params, subject: Subject) -> Engine:
    """The model that generation.endpoint serves under its `served_name`.

    With `own_template` no system prompt is sent: the server's chat template may bring its own. The
    batches must be of one prompt each; they are answered concurrently, in any order.

    A request is tried again, by OpenAI's library, after 408, 409, 429, 5xx, a lost connection, a
    timeout or a reply that holds no answer. No answer is ever made up: the engine raises StageError
    naming the prompts whose requests keep failing when all others are answered and recorded, and
    one that would meet every prompt (a wrong key, say, or that nothing listens) when those under
    way are.
    """

    model = served_name(subject.model)

    def generate(batches: Sequence[Sequence[Prompt]], record: Record) -> None:
        print(f"asking {params.generation.endpoint.base_url} for {model}", flush=True)
        asyncio.run(_answer_all(params, model, subject.own_template, batches, record))

    return generate


def data_url(source: "str | Image.Image", max_pixels: int) -> str:
    """A picture as the data URL of a PNG, shrunk to max_pixels as ms-swift shrinks it."""
    image = Image.open(source) if isinstance(source, str) else source
    with image:
        if image.width * image.height > max_pixels:
            ratio = image.width / image.height
            height = math.sqrt(max_pixels / ratio)
            size = int(height * ratio), int(height)
            image = image.convert("RGB").resize(size, Image.Resampling.BILINEAR)
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


async def _answer_all(
    params: Params,
    model: str,
    own_template: bool,
    batches: Sequence[Sequence[Prompt]],
    record: Record,
) -> None:
    endpoint = params.generation.endpoint
    system = None if own_template else params.system
    notes: Counter[str] = Counter()

    async def answer(prompt: Prompt) -> tuple[list[Answer], int]:
        request = _request(params, model, system, prompt)
        name = f"{prompt.task.task_id} ({prompt.condition})"
        answers: list[Answer] = []
        asked = tokens = 0
        while (lacking := params.generation.n_samples - len(answers)) > 0:
            # Some servers answer one sample whatever is asked for.
            body = request | {"n": lacking, "seed": request["seed"] + asked}
            reply = await complete(client, endpoint, name, body)
            answers += reply.answers[:lacking]
            notes.update(reply.notes)
            asked += reply.choices
            tokens += reply.tokens
        return answers, tokens

    async with open_client(endpoint) as client:
        try:
            await answer_concurrently(batches, endpoint.concurrency, answer, record)
        finally:
            for note, count in sorted(notes.items()):
                tqdm.write(f"{model}: {count} answers {note}")


def _request(params: Params, model: str, system: str | None, prompt: Prompt) -> dict[str, Any]:
    generation = params.generation
    content: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": data_url(image, params.max_pixels)}}
        for image in prompt.images()
    ]
    content.append({"type": "text", "text": prompt.task.question})
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": content if prompt.task.images else prompt.task.question}
    ]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    request: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        "seed": seed_of(generation.seed, prompt),
    }
    if not generation.endpoint.extensions:
        return request | {"max_completion_tokens": generation.max_new_tokens}
    return request | {
        "max_tokens": generation.max_new_tokens,
        # Stated, or vLLM takes them from the model's generation_config.json.
        "top_k": -1,
        "min_p": 0.0,
        "repetition_penalty": generation.repetition_penalty,
    }


BACKEND = Backend(
    gpus=0,
    packages=("openai",),
    batch_size=lambda params: 1,  # noqa: ARG005 - the server makes its own
    locate=locate,
    check=lambda params, subject, prompts: None,  # noqa: ARG005 - only the server knows
    determinants=determinants,
    provenance=provenance,
    load=load,
)
