"""Requests to an endpoint, which OpenAI's library tries again, and one line for what then fails."""

import asyncio
import os
import re
from typing import Any
from urllib.request import proxy_bypass

import httpx2
from openai import (
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    OpenAIError,
    Timeout,
)
from tqdm import tqdm

from ketune.generation.concurrent import PromptError
from ketune.generation.replies import NoAnswerError, Reply, one_line, read_reply, words_of
from ketune.params.schema import EndpointParams
from ketune.proxies import check_proxies, proxy_variables, url_problem
from ketune.runtime import StageError

_CONNECT_TIMEOUT = 20.0  # seconds
_REMINDER = 10.0  # seconds between two notices that tries fail
_NOT_IN_A_KEY = re.compile(r"[^!#-&(-_a-~]")  # quotes, spaces, what is not ASCII
_SENT_BY_THE_LIBRARY = {
    "OPENAI_ORG_ID": _NOT_IN_A_KEY,
    "OPENAI_PROJECT_ID": _NOT_IN_A_KEY,
    "OPENAI_CUSTOM_HEADERS": re.compile(r"[^\n -~]|^(?![\w-]+:).", re.MULTILINE),  # one a line
}
_SECRET = 8  # characters: a shorter key is a placeholder, as local servers take one
_LONGEST_REASON = 300  # characters: some servers answer with a page
_UNREACHABLE = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)
_OF_ALL = {401, 402, 404, 405, 407, 429}  # statuses that would meet the next prompt too
_HINTS = {
    400: "if a prompt is too long, serve a longer context or lower generation.max_new_tokens",
    401: "set {key} to the endpoint's key",
    403: "set {key} to a key that may use the model",
    404: "serve the model under the name {model}, or correct generation.endpoint.base_url",
}


class _Connection(DefaultAsyncHttpxClient):
    """Sends one try of a request: within the rate limit, in bounded time, telling why it failed.

    A reply that holds no answer fails as a lost connection does, so that the library tries again.
    """

    def __init__(self, endpoint: EndpointParams) -> None:
        super().__init__(follow_redirects=False)  # a POST would become a GET
        self._endpoint = endpoint
        self._interval = 60 / endpoint.requests_per_minute if endpoint.requests_per_minute else 0.0
        self._open_at = self._tell_at = 0.0
        self._heard = False

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        await self._enter()
        try:
            async with asyncio.timeout(self._endpoint.timeout):
                response = await super().send(request, **options)
            self._heard = True
            if response.is_success:
                read_reply(response.content)
        except _UNREACHABLE as error:
            if not self._heard:  # a server that was there may come back
                raise StageError(_unreachable(self._endpoint, error)) from None
            failure: Exception = error
        except httpx2.RequestError as error:
            failure = error
        except TimeoutError:
            failure = httpx2.ReadTimeout("no whole answer in time", request=request)
        except NoAnswerError as error:
            if not error.passing:
                raise
            failure = httpx2.RemoteProtocolError(str(error), request=request)
        else:
            if response.status_code == 429 or response.status_code >= 500:
                if b"insufficient_quota" in response.content:
                    response.headers["x-should-retry"] = "false"  # which the library heeds
                self._tell(request, _status(response))
            return response
        self._tell(request, str(failure) or type(failure).__name__)
        raise failure

    async def _enter(self) -> None:
        now = asyncio.get_running_loop().time()
        start = max(self._open_at, now)
        self._open_at = start + self._interval
        await asyncio.sleep(start - now)

    def _tell(self, request: httpx2.Request, reason: str) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._tell_at:
            self._tell_at = now + _REMINDER
            tries = f"try {_tries(request)} of {self._endpoint.max_retries + 1}"
            tqdm.write(f"{self._endpoint.base_url}: {_masked(self._endpoint, reason)} ({tries})")


def open_client(endpoint: EndpointParams) -> AsyncOpenAI:
    """A client of the endpoint.

    Raises StageError naming the parameter or environment variable that is wrong: the URL, the key,
    a proxy, certificates.
    """
    problem = url_problem(endpoint.base_url, {"http", "https"})
    try:
        httpx2.URL(endpoint.base_url)
    except httpx2.InvalidURL as error:
        problem = problem or one_line(str(error))
    if problem:
        raise StageError(f"generation.endpoint.base_url {endpoint.base_url}: {problem}; correct it")
    for name, foreign in {endpoint.api_key_env: _NOT_IN_A_KEY, **_SENT_BY_THE_LIBRARY}.items():
        if wrong := foreign.search(os.environ.get(name, "")):
            raise StageError(
                f"{name}: character {wrong.start() + 1} (U+{ord(wrong[0]):04X}) cannot be sent; "
                "set it to the value alone, without quotes, spaces or line ends"
            )
    check_proxies()
    try:
        connection = _Connection(endpoint)
    except (httpx2.InvalidURL, ImportError, ValueError) as error:
        names = ", ".join([*proxy_variables(), "NO_PROXY"])
        raise StageError(f"{names}: {one_line(str(error))}; correct or unset it") from None
    except OSError as error:
        raise StageError(
            f"SSL_CERT_FILE, SSL_CERT_DIR or SSLKEYLOGFILE: {one_line(str(error))}; correct or "
            "unset it"
        ) from None
    return AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=os.environ.get(endpoint.api_key_env) or "none",  # local servers want none
        timeout=Timeout(endpoint.timeout, connect=min(endpoint.timeout, _CONNECT_TIMEOUT)),
        max_retries=endpoint.max_retries,
        http_client=connection,
    )


async def complete(
    client: AsyncOpenAI, endpoint: EndpointParams, prompt: str, body: dict[str, Any]
) -> Reply:
    """The reply to a request for completions of `prompt`, which errors name.

    Raises PromptError for a failure that need not meet the next prompt, else StageError.
    """
    try:
        # As bytes: the library's types take anything for a completion.
        response = await client.post("/chat/completions", cast_to=httpx2.Response, body=body)
    except (OpenAIError, NoAnswerError) as error:
        if isinstance(error.__cause__, _UNREACHABLE):
            raise StageError(_unreachable(endpoint, error.__cause__)) from None
        reason, hint, own = _explain(error, endpoint, body["model"])
        tries = _tries(error.request) if isinstance(error, APIError) else 1
        raise (PromptError if own else StageError)(
            f"{prompt}: {endpoint.base_url} failed{f' {tries} times' if tries > 1 else ''}: "
            f"{_masked(endpoint, reason)}; {hint}, and run again: finished completions are kept"
        ) from None
    return read_reply(response.content)


def _explain(error: Exception, endpoint: EndpointParams, model: str) -> tuple[str, str, bool]:
    """Why a request failed, what to do, and whether the next prompt need not meet it."""
    hint = "see the endpoint's log"
    if isinstance(error, APIStatusError):
        status = error.status_code
        if "retry-after" in error.response.headers:
            # Where it asks for little, it was tried again, and only this prompt may meet it.
            own = status not in _OF_ALL and _tries(error.request) > 1
            return _status(error.response), "wait as long as it asks", own
        if error.response.has_redirect_location:
            location = one_line(error.response.headers["location"])
            hint = f"correct generation.endpoint.base_url (it redirects to {location})"
        hint = _HINTS.get(status, hint).format(key=endpoint.api_key_env, model=model)
        return _status(error.response), hint, status >= 400 and status not in _OF_ALL
    if isinstance(error, APITimeoutError):
        reason = f"no whole answer within {endpoint.timeout:g} s"
        return reason, "raise generation.endpoint.timeout", True
    return one_line(str(error.__cause__ or error)), hint, True


def _status(response: httpx2.Response) -> str:
    wait = response.headers.get("retry-after")
    asked = f" (Retry-After: {one_line(wait)})" if wait else ""
    return f"{response.status_code}{asked} {words_of(response.content)}".rstrip()


def _unreachable(endpoint: EndpointParams, error: BaseException) -> str:
    """That no connection can be made, why, and through which proxy."""
    root = error
    while inner := root.__cause__ or root.__context__:
        root = inner.exceptions[0] if isinstance(inner, BaseExceptionGroup) else inner
    bypassed = proxy_bypass(httpx2.URL(endpoint.base_url).host)
    proxy = "" if bypassed else ", ".join(proxy_variables())
    via = f" through the proxy of {proxy}" if proxy else ""
    remedy = "set generation.endpoint.base_url" + (f" or unset {proxy}" if proxy else "")
    if isinstance(root, ConnectionRefusedError):
        return (
            f"nothing listens at {endpoint.base_url}{via} (connection refused); start the server, "
            f"or {remedy}"
        )
    reason = one_line(str(root)) or type(root).__name__
    return f"{endpoint.base_url} cannot be reached{via} ({reason}); check the network, or {remedy}"


def _tries(request: httpx2.Request) -> int:
    """How often the library has sent a request, this time included."""
    return int(request.headers["x-stainless-retry-count"]) + 1


def _masked(endpoint: EndpointParams, text: str) -> str:
    """A reason that can be shown: without the key, of a length to read."""
    key = os.environ.get(endpoint.api_key_env, "")
    return (text.replace(key, "…") if len(key) >= _SECRET else text)[:_LONGEST_REASON]
