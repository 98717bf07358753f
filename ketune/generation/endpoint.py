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
from typing import Any

from PIL import Image
from tqdm import tqdm

from ketune.generation.concurrent import answer_concurrently
from ketune.generation.connection import complete, open_client
from ketune.generation.prompts import Answer, Engine, Prompt, Record, seed_of
from ketune.params import Params


def load_endpoint(params: Params, model: str, *, own_template: bool = False) -> Engine:
    """The model that generation.endpoint serves under the name `model`.

    With `own_template` no system prompt is sent: the server's chat template may bring its own. The
    batches must be of one prompt each; they are answered concurrently, in any order.

    A request is tried again, by OpenAI's library, after 408, 409, 429, 5xx, a lost connection, a
    timeout or a reply that holds no answer. No answer is ever made up: the engine raises StageError
    naming the prompts whose requests keep failing when all others are answered and recorded, and
    one that would meet every prompt (a wrong key, say, or that nothing listens) when those under
    way are.
    """

    def generate(batches: Sequence[Sequence[Prompt]], record: Record) -> None:
        asyncio.run(_answer_all(params, model, own_template, batches, record))

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
