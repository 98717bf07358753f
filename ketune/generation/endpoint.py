"""The backend `openai`: any server of OpenAI's chat completions, as vLLM, SGLang or a proxy is one.

Sampling is seeded a request, but only the server knows whether it heeds the seed, and none is
deterministic to the last bit under load: completions, not seeds, are what a comparison rests on.
"""

import asyncio
import base64
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from json import JSONDecodeError
from pathlib import Path
from time import time
from typing import Any

from openai import APIConnectionError, APIError, APIStatusError, AsyncOpenAI, Timeout
from openai.types.chat import ChatCompletion
from PIL import Image
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter
from tqdm import tqdm

from ketune.generation.concurrent import answer_concurrently
from ketune.generation.prompts import Answer, Backend, Engine, Prompt, Record, Subject, seed_of
from ketune.models.locate import Model, directory_sha256
from ketune.params import Baseline, Params
from ketune.paths import FINETUNED, MERGED
from ketune.runtime import StageError

_FIRST_BACKOFF, _LONGEST_BACKOFF = 1.0, 60.0  # seconds between two tries, unless told otherwise
_CONNECT_TIMEOUT = 20.0  # seconds
_LONGEST_REASON = 300  # characters: some servers answer with a page
_WORTH_TELLING = 10.0  # seconds that the server asks to wait
_PASSING = {408, 409, 425, 429}  # statuses, beside 5xx, of requests that may succeed later
_UNFINISHED = {"abort", "error"}  # how vLLM and SGLang say that they, not the model, stopped
_HINTS = {
    400: "if a prompt is too long, serve a longer context or lower generation.max_new_tokens",
    401: "set {key} to the endpoint's key",
    403: "set {key} to a key that may use the model",
    404: "serve the model under the name {model}, or correct generation.endpoint.base_url",
}


class _NoAnswerError(Exception):
    """The server said 200 and gave no whole answer."""


class _FilteredError(Exception):
    """The server withheld the answer, and would again."""


class _Gate:
    """Spaces requests by the rate limit, and holds all of them while the server asks to wait."""

    def __init__(self, requests_per_minute: int) -> None:
        self._interval = 60 / requests_per_minute if requests_per_minute else 0.0
        self._open_at = 0.0

    async def enter(self) -> None:
        now = asyncio.get_running_loop().time()
        start = max(self._open_at, now)
        self._open_at = start + self._interval
        await asyncio.sleep(start - now)

    def hold(self, seconds: float) -> None:
        self._open_at = max(self._open_at, asyncio.get_running_loop().time() + seconds)


@dataclass
class _Server:
    """The server, and what was learnt of it. `gives_n`: it answers n samples to one request."""

    client: AsyncOpenAI
    model: str
    gate: _Gate
    gives_n: bool = True


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

    A request is tried again after 429, 5xx, a lost connection, a timeout or half an answer. The
    engine raises StageError naming the task when that does not help or the server refuses a
    request (one too long for it, say): no answer is ever made up for it. Requests under way then
    are still finished and recorded.
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
    async with AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=os.environ.get(endpoint.api_key_env) or "none",  # local servers want none
        timeout=Timeout(endpoint.timeout, connect=min(endpoint.timeout, _CONNECT_TIMEOUT)),
        max_retries=0,
    ) as client:
        server = _Server(client, model, _Gate(endpoint.requests_per_minute))
        answer = partial(_answer, server, params, system)
        await answer_concurrently(batches, endpoint.concurrency, answer, record)


async def _answer(
    server: _Server, params: Params, system: str | None, prompt: Prompt
) -> tuple[list[Answer], int]:
    n_samples = params.generation.n_samples
    request = _request(params, server.model, system, prompt)
    answers: list[Answer] = []
    tokens = 0
    while len(answers) < n_samples:
        n = n_samples - len(answers) if server.gives_n else 1
        body = request | {"n": n, "seed": request["seed"] + len(answers)}
        completion = await _complete(server, params, prompt, body)
        choices = sorted(completion.choices, key=lambda choice: choice.index)[:n]
        server.gives_n = server.gives_n and len(choices) == n
        answers += [Answer(c.message.content or "", c.finish_reason == "length") for c in choices]
        tokens += completion.usage.completion_tokens if completion.usage else 0
    return answers, tokens


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
    if generation.endpoint.extensions:
        # Stated, or vLLM takes them from the model's generation_config.json.
        extensions = {"top_k": -1, "min_p": 0.0}
        extensions["repetition_penalty"] = generation.repetition_penalty
        return request | {"max_tokens": generation.max_new_tokens, "extra_body": extensions}
    return request | {"max_completion_tokens": generation.max_new_tokens}


async def _complete(
    server: _Server, params: Params, prompt: Prompt, body: dict[str, Any]
) -> ChatCompletion:
    endpoint = params.generation.endpoint
    retrying = AsyncRetrying(
        retry=retry_if_exception(_passes),
        stop=stop_after_attempt(endpoint.max_retries + 1),
        wait=wait_exponential_jitter(
            multiplier=_FIRST_BACKOFF, max=_LONGEST_BACKOFF, jitter=_FIRST_BACKOFF
        ),
        reraise=True,
    )
    try:
        return await retrying(_try, server, body)
    except (APIError, _NoAnswerError, _FilteredError) as error:
        key = os.environ.get(endpoint.api_key_env)
        reason = " ".join(str(error).split())
        reason = (reason.replace(key, "…") if key else reason)[:_LONGEST_REASON]
        status = error.status_code if isinstance(error, APIStatusError) else 0
        hint = _HINTS.get(status, "see the endpoint's log").format(
            key=endpoint.api_key_env, model=server.model
        )
        tries = f" {endpoint.max_retries + 1} times" if _passes(error) else ""
        raise StageError(
            f"{prompt.task.task_id} ({prompt.condition}): {endpoint.base_url} failed{tries}: "
            f"{reason}; {hint}, and run again: finished completions are kept"
        ) from None


async def _try(server: _Server, body: dict[str, Any]) -> ChatCompletion:
    await server.gate.enter()
    try:
        completion: Any = await server.client.chat.completions.create(**body)
    except APIStatusError as error:
        if seconds := _retry_after(error.response.headers.get("retry-after", "")):
            server.gate.hold(seconds)
            if seconds >= _WORTH_TELLING:
                tqdm.write(f"the endpoint asks to wait {seconds:.0f} s")
        raise
    except JSONDecodeError:
        raise _NoAnswerError("the response is not JSON") from None
    # The library hands on what it cannot read.
    if not isinstance(completion, ChatCompletion) or not completion.choices:
        raise _NoAnswerError("the response holds no completion")
    for choice in completion.choices:
        reason: str | None = choice.finish_reason
        if reason in _UNFINISHED:
            raise _NoAnswerError(f"the server broke the completion off ({reason})")
        if reason == "content_filter":
            raise _FilteredError("the endpoint's filter withheld the completion")
    return completion


def _passes(error: BaseException) -> bool:
    """Whether the same request may succeed later."""
    if isinstance(error, APIStatusError):
        passing = error.status_code in _PASSING or error.status_code >= 500
        return passing and error.code != "insufficient_quota"
    return isinstance(error, APIConnectionError | _NoAnswerError)


def _retry_after(header: str) -> float:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3), 0 for none."""
    try:
        return float(header)
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time())
    except ValueError:
        return 0.0


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
