"""The backend `openai` against a real server that answers, refuses, stalls and breaks off."""

import base64
import io
import threading
from collections.abc import Sequence
from email.utils import formatdate
from pathlib import Path
from time import monotonic, time
from typing import Any

import pytest
from PIL import Image

from ketune.generation import endpoint as module
from ketune.generation.prompts import Answer, Engine, Prompt, Subject, seed_of
from ketune.models.locate import Model
from ketune.params import Params
from ketune.runtime import StageError
from tests.generation.server import Reply, Request, answer, serving
from tests.generation.test_prompts import prompt
from tests.training.conftest import changed

KEY = "sk-secret-0123456789"


@pytest.fixture(autouse=True)
def _quick_and_keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def serve_at(full: Params, url: str, n_samples: int = 1, **endpoint: Any) -> Params:
    generation = full.generation.model_dump()
    generation |= {"backend": "openai", "n_samples": n_samples, "max_new_tokens": 99}
    generation |= {"temperature": 0.8 if n_samples > 1 else 0.0}
    generation["endpoint"] |= {"base_url": url, "timeout": 5.0, "max_retries": 3} | endpoint
    return changed(full, generation=generation)


class Book:
    """Records answers by the question."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.tokens = 0

    def __call__(
        self, batch: Sequence[Prompt], answers: Sequence[Sequence[Answer]], tokens: int
    ) -> None:
        ((asked,), (samples,)) = batch, answers
        assert asked.task.question not in self.answers
        self.answers[asked.task.question] = list(samples)
        self.tokens += tokens


def load(params: Params, own_template: bool = False) -> Engine:
    subject = Subject("base", Model("served", None, "served"), own_template)
    return module.load(params, subject)


def ask(params: Params, questions: Sequence[str], own_template: bool = False) -> Book:
    book = Book()
    batches = [[prompt(q, q)] for q in questions]
    load(params, own_template)(batches, book)
    return book


def texts(params: Params, question: str, count: int = 1) -> list[str]:
    seed = seed_of(params.generation.seed, prompt(question, question))
    return [f"{question} #{seed + sample}" for sample in range(count)]


def test_a_request_states_everything_that_determines_the_answer(full: Params) -> None:
    with serving() as server:
        params = serve_at(full, server.url)
        book = ask(params, ["What is H?"])
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "model": "served",
        "messages": [
            {"role": "system", "content": params.system},
            {"role": "user", "content": "What is H?"},
        ],
        "temperature": 0.0,
        "top_p": 1.0,
        "top_k": -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "max_tokens": 99,
        "n": 1,
        "seed": seed_of(params.generation.seed, prompt("What is H?", "What is H?")),
    }
    assert book.answers == {"What is H?": [Answer(texts(params, "What is H?")[0], False)]}
    assert book.tokens == 7


def test_a_plain_endpoint_gets_only_what_openai_defines(full: Params) -> None:
    with serving() as server:
        ask(serve_at(full, server.url, extensions=False), ["q"], own_template=True)
    body = server.requests[0].body
    assert set(body) == {
        *("model", "messages", "temperature", "top_p", "max_completion_tokens", "n", "seed"),
    }
    assert body["messages"] == [{"role": "user", "content": "q"}]


def test_images_travel_as_data_urls_blank_where_asked(full: Params, tmp_path: Path) -> None:
    path = tmp_path / "circuit.png"
    Image.new("RGB", (40, 20), "black").save(path)
    standard = prompt("a", "What is drawn?", images=(str(path),))
    with serving() as server:
        engine = load(serve_at(full, server.url))
        engine([[standard], [Prompt(standard.task, "blank_images")]], lambda *_: None)
    colours = set()
    for request in server.requests:
        image, text = request.body["messages"][-1]["content"]
        assert text == {"type": "text", "text": "What is drawn?"}
        kind, _, content = image["image_url"]["url"].partition(";base64,")
        assert kind == "data:image/png"
        with Image.open(io.BytesIO(base64.b64decode(content))) as sent:
            assert sent.size == (40, 20)
            colours.add(sent.getpixel((0, 0)))
    assert colours == {(0, 0, 0), (255, 255, 255)}


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(429, {"error": {"message": "slow down"}}),
        Reply(500, {"error": {"message": "oops"}}),
        Reply(503, "<html>overloaded</html>"),
        Reply(drop=True),
        Reply(200, "not json"),
        Reply(200, {"error": {"message": "upstream failed"}}),
        Reply(200, {"id": "c", "object": "chat.completion", "choices": []}),
    ],
    ids=["429", "500", "503", "dropped", "not json", "200 error", "no choice"],
)
def test_a_passing_failure_is_tried_again(full: Params, trouble: Reply) -> None:
    with serving(lambda _, number: trouble if number <= 3 else None) as server:
        params = serve_at(full, server.url)
        book = ask(params, ["q"])
    assert len(server.requests) == 4
    assert [a.text for a in book.answers["q"]] == texts(params, "q")


def test_a_broken_off_completion_is_no_answer(full: Params) -> None:
    def behave(request: Request, number: int) -> Reply | None:
        return Reply(body=answer(request.body, finish="abort")) if number == 1 else None

    with serving(behave) as server:
        book = ask(serve_at(full, server.url), ["q"])
    assert len(server.requests) == 2
    assert not book.answers["q"][0].truncated


def test_a_slow_answer_is_given_up_and_asked_for_again(full: Params) -> None:
    with serving(lambda _, number: Reply(delay=1.5) if number == 1 else None) as server:
        book = ask(serve_at(full, server.url, timeout=0.3), ["q"])
    assert len(server.requests) == 2
    assert len(book.answers) == 1


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_holds_every_request_back(full: Params, as_date: bool) -> None:
    until = int(time()) + 2
    wait = formatdate(until, usegmt=True) if as_date else "1"
    refused = threading.Event()

    def behave(_: Request, number: int) -> Reply | None:
        if number > 1:
            refused.wait(5)
            return None
        refused.set()
        return Reply(429, {"error": {"message": "slow down"}}, {"Retry-After": wait})

    with serving(behave) as server:
        book = ask(serve_at(full, server.url, concurrency=1), ["a", "b"])
    assert len(book.answers) == 2
    first, *later = (request.time for request in server.requests)
    if as_date:
        assert min(later) + time() - monotonic() > until - 0.1
    else:
        assert min(later) - first > 0.9


def test_the_rate_limit_spaces_requests(full: Params) -> None:
    with serving() as server:
        params = serve_at(full, server.url, requests_per_minute=600, concurrency=8)
        start = monotonic()
        ask(params, list("abcdef"))
    assert len(server.requests) == 6
    assert max(request.time for request in server.requests) - start >= 0.5


def test_as_many_requests_at_a_time_as_allowed(full: Params) -> None:
    open_now, most, lock = 0, 0, threading.Lock()

    def behave(*_: Any) -> Reply | None:
        nonlocal open_now, most
        with lock:
            open_now += 1
            most = max(most, open_now)
        threading.Event().wait(0.1)
        with lock:
            open_now -= 1
        return None

    with serving(behave) as server:
        ask(serve_at(full, server.url, concurrency=3), [str(i) for i in range(9)])
    assert most == 3


def test_n_samples_come_in_one_request_in_their_order(full: Params) -> None:
    with serving() as server:
        params = serve_at(full, server.url, n_samples=4)
        book = ask(params, ["q"])
    assert [request.body["n"] for request in server.requests] == [4]
    assert [a.text for a in book.answers["q"]] == texts(params, "q", 4)


def test_a_server_that_ignores_n_is_asked_n_times_with_other_seeds(full: Params) -> None:
    with serving(lambda request, _: Reply(body=answer(request.body, n=1))) as server:
        params = serve_at(full, server.url, n_samples=3, concurrency=1)
        book = ask(params, ["q", "r"])
    assert [request.body["n"] for request in server.requests] == [3, 2, 1, 3, 2, 1]
    for question in ("q", "r"):
        assert [a.text for a in book.answers[question]] == texts(params, question, 3)


def test_an_answer_cut_at_max_new_tokens_is_marked_and_an_empty_one_is_empty(
    full: Params,
) -> None:
    def behave(request: Request, _: int) -> Reply:
        return Reply(
            body=answer(request.body, finish="length", content=None, reasoning_content="hm")
        )

    with serving(behave) as server:
        book = ask(serve_at(full, server.url), ["q"])
    assert book.answers["q"] == [Answer("", True)]


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (401, None, "set OPENAI_API_KEY to the endpoint's key"),
        (402, None, "see the endpoint's log"),
        (404, None, "serve the model under the name served"),
        (429, "insufficient_quota", "prompt is too long"),
    ],
)
def test_a_refusal_of_every_prompt_stops_the_stage_at_once_and_names_the_task(
    full: Params, status: int, code: str | None, told: str
) -> None:
    error = {"error": {"message": f"the prompt is too long for {KEY}", "code": code}}

    def behave(request: Request, _: int) -> Reply | None:
        return Reply(status, error) if request.question == "b" else None

    with serving(behave) as server:
        book = Book()
        engine = load(serve_at(full, server.url, concurrency=1))
        with pytest.raises(StageError) as failure:
            engine([[prompt(q, q)] for q in "abc"], book)
    message = str(failure.value)
    assert message.startswith(f"dataset/b (standard): {server.url} failed: ")
    assert told in message
    assert KEY not in message
    assert "\n" not in message
    assert set(book.answers) == {"a"}  # what was done is kept, what failed is no answer
    assert [request.question for request in server.requests] == ["a", "b"]


def test_a_filtered_answer_is_an_error_of_the_endpoint(full: Params) -> None:
    def behave(request: Request, _: int) -> Reply:
        return Reply(body=answer(request.body, finish="content_filter", content=None))

    with serving(behave) as server, pytest.raises(StageError, match="filter withheld"):
        ask(serve_at(full, server.url), ["q"])
    assert len(server.requests) == 1


def test_a_refusal_of_one_prompt_costs_only_itself(full: Params) -> None:
    def behave(request: Request, _: int) -> Reply | None:
        error = {"error": {"message": "maximum context length is 8 tokens"}}
        return Reply(400, error) if request.question in "bd" else None

    with serving(behave) as server:
        book = Book()
        engine = load(serve_at(full, server.url, concurrency=1))
        with pytest.raises(StageError) as failure:
            engine([[prompt(q, q)] for q in "abcde"], book)
    assert set(book.answers) == {*"ace"}
    message = str(failure.value)
    assert message.startswith(f"dataset/b (standard): {server.url} failed: 400 maximum context")
    assert "lower generation.max_new_tokens" in message
    assert message.endswith(
        "(2 prompts have no answer: dataset/b (standard), dataset/d (standard))"
    )


@pytest.mark.parametrize("status", [403, 408, 409, 415, 451, 499, 503])
def test_a_prompt_that_a_gateway_refuses_costs_only_itself(full: Params, status: int) -> None:
    headers = {"Retry-After": "0.01"} if status == 503 else {}
    refused = Reply(status, {"error": {"message": "blocked"}}, headers)
    with serving(lambda request, _: refused if request.question == "b" else None) as server:
        book = Book()
        engine = load(serve_at(full, server.url, concurrency=1, max_retries=1))
        with pytest.raises(StageError, match=rf"dataset/b .*: {status} .*blocked"):
            engine([[prompt(q, q)] for q in "abc"], book)
    assert set(book.answers) == {*"ac"}


def test_a_server_that_refuses_everything_is_not_asked_for_everything(full: Params) -> None:
    refused = Reply(400, {"error": {"message": "unknown parameter top_k"}})
    with serving(lambda *_: refused) as server, pytest.raises(StageError, match="10 in a row"):
        ask(serve_at(full, server.url, concurrency=1), [str(i) for i in range(99)])
    assert len(server.requests) == 10


def test_a_place_where_nothing_listens_is_told_at_once(full: Params) -> None:
    with serving() as server:
        params = serve_at(full, server.url, max_retries=8)
    start = monotonic()
    with pytest.raises(StageError) as failure:
        ask(params, list("abc"))
    assert monotonic() - start < 5
    assert str(failure.value) == (
        f"nothing listens at {server.url} (connection refused); start the server, or set "
        "generation.endpoint.base_url"
    )


def test_a_server_that_goes_away_is_tried_again_before_it_is_given_up(
    full: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda *_: Reply(headers={"Connection": "close"})) as server:
        params = serve_at(full, server.url, max_retries=2, concurrency=1)
        engine = load(params)
        with pytest.raises(StageError, match="nothing listens at"):
            engine([[prompt(q, q)] for q in "ab"], lambda *_: server.stop())
    assert "(try 1 of 3)" in capsys.readouterr().out


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_wait_for_a_day_is_not_waited_for(full: Params, status: int) -> None:
    busy = Reply(status, {"error": {"message": "too many"}}, {"Retry-After": "86400"})
    start = monotonic()
    with serving(lambda *_: busy) as server, pytest.raises(StageError) as failure:
        ask(serve_at(full, server.url, concurrency=1), ["q"])
    assert monotonic() - start < 5
    assert len(server.requests) == 1
    assert f"{status} (Retry-After: 86400) too many; wait as long as it asks" in str(failure.value)


def test_waiting_is_told_with_the_servers_words(
    full: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = Reply(503, "<html>\n<b>overloaded</b>\n</html>", {"Retry-After": "0.1"})
    with serving(lambda _, number: busy if number < 4 else None) as server:
        ask(serve_at(full, server.url, concurrency=1), ["q"])
    assert capsys.readouterr().out == (
        f"asking {server.url} for served\n"
        f"{server.url}: 503 (Retry-After: 0.1) <html> <b>overloaded</b> </html> (try 1 of 4)\n"
    )


def test_an_answer_that_trickles_is_given_up_in_time(full: Params) -> None:
    start = monotonic()
    with serving(lambda *_: Reply(trickle=0.1)) as server, pytest.raises(StageError) as failure:
        ask(serve_at(full, server.url, timeout=0.5, max_retries=1), ["q"])
    assert monotonic() - start < 5
    assert "failed 2 times: no whole answer within 0.5 s; raise generation.endpoint.timeout" in str(
        failure.value
    )


def test_a_redirect_says_where_to(full: Params) -> None:
    moved = Reply(301, "", {"Location": "https://elsewhere/v1/chat/completions"})
    with serving(lambda *_: moved) as server, pytest.raises(StageError, match="redirects to https"):
        ask(serve_at(full, server.url), ["q"])


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("OPENAI_API_KEY", "sk-secret\n", r"character 10 \(U\+000A\)"),
        ("OPENAI_API_KEY", "\u201csk-secret\u201d", r"character 1 \(U\+201C\)"),
        ("OPENAI_API_KEY", '"sk-secret"', r"character 1 \(U\+0022\)"),
        ("OPENAI_API_KEY", "Bearer sk-secret", r"character 7 \(U\+0020\)"),
        ("OPENAI_API_KEY", "sk-secret-ü", r"character 11 \(U\+00FC\)"),
        ("OPENAI_ORG_ID", "org\n", r"character 4"),
        ("OPENAI_CUSTOM_HEADERS", "X-Name: Jürgen", r"character 10"),
        ("OPENAI_CUSTOM_HEADERS", "X-Name: a\nno header", r"character 11"),
        ("ALL_PROXY", "socks4://127.0.0.1:1080", "its scheme socks4 is none of"),
        ("HTTP_PROXY", "http://user:secret@127.0.0.1:99999", "Port out of range"),
        ("https_proxy", "http://", "it names no host"),
        ("HTTPS_PROXY", "http://proxy:3128\n", "it holds a space, a line end"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "No such file"),
    ],
)
def test_a_wrong_environment_is_one_line_that_names_the_variable(
    full: Params, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with serving() as server, pytest.raises(StageError, match=told) as failure:
        ask(serve_at(full, server.url), ["q"])
    message = str(failure.value)
    assert message.startswith(name)
    assert "\n" not in message
    assert "secret" not in message
    assert not server.requests


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:99999/v1", "http://host:port/v1", "http://[::1/v1", "http:///v1",
     "http://256.0.0.1/v1"],
)  # fmt: skip
def test_a_wrong_url_is_one_line_that_names_the_parameter(full: Params, url: str) -> None:
    with pytest.raises(StageError, match=r"^generation\.endpoint\.base_url http"):
        ask(serve_at(full, url), ["q"])


@pytest.mark.parametrize(("name", "scheme"), [("HTTP_PROXY", "http"), ("ALL_PROXY", "socks5")])
def test_a_dead_proxy_is_named(
    full: Params, monkeypatch: pytest.MonkeyPatch, name: str, scheme: str
) -> None:
    with serving() as dead:
        pass
    monkeypatch.setenv(name, dead.url.removesuffix("/v1").replace("http", scheme))
    monkeypatch.delenv("NO_PROXY")
    with serving() as server, pytest.raises(StageError, match=name):
        ask(serve_at(full, server.url), ["q"])
    assert not server.requests


def test_a_page_is_cut_and_the_key_in_it_is_hidden(full: Params) -> None:
    page = Reply(200, f"<html>{'x' * 225}{KEY}{'x' * 9999}</html>")
    with serving(lambda *_: page) as server, pytest.raises(StageError) as failure:
        ask(serve_at(full, server.url, max_retries=0), ["q"])
    assert "sk-secret" not in str(failure.value)
    assert len(str(failure.value)) < 500


def test_a_key_of_one_letter_hides_nothing(full: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a")
    bad = Reply(401, {"error": {"message": "a bad key was given"}})
    with serving(lambda *_: bad) as server, pytest.raises(StageError, match="a bad key was given"):
        ask(serve_at(full, server.url), ["q"])


def test_requests_under_way_are_finished_when_another_fails(full: Params) -> None:
    slow = threading.Event()

    def behave(request: Request, _: int) -> Reply | None:
        if request.question == "bad":
            slow.wait(5)
            return Reply(401, {"error": {"message": "no"}})
        slow.set()
        return Reply(delay=0.5)

    with serving(behave) as server:
        book = Book()
        engine = load(serve_at(full, server.url, concurrency=2))
        with pytest.raises(StageError, match="dataset/bad"):
            engine([[prompt(q, q)] for q in ("good", "bad", "never")], book)
    assert set(book.answers) == {"good"}
    assert "never" not in {request.question for request in server.requests}
