"""A thousand seeded mutations of a good reply: of its structure, of its types and of its bytes."""

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ketune.generation import concurrent
from ketune.generation.prompts import Answer, Prompt
from ketune.params import Params
from ketune.runtime import StageError
from ketune.tasks.completions import Completion, read_journal, write_completions
from tests.generation.test_endpoint import Book, load, serve_at
from tests.generation.test_prompts import prompt

COUNT, SAMPLES = 1000, 2
JUNK: list[Any] = [None, True, 0, -1, 1.5, 10**400, "", " ", "\ud83d", "\0", "x", [], {}, [None]]
JUNK += [{"type": "text"}, {"error": {"message": "upstream died"}}, [[[]]], "stop", "length"]
# What says nothing of an answer: whatever it becomes, the answer is the same.
BESIDE = {"id", "object", "created", "model", "usage", "system_fingerprint", "role", "logprobs"}
BESIDE |= {"prompt_tokens", "completion_tokens", "total_tokens"}


def good(question: str, count: int = SAMPLES) -> dict[str, Any]:
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "served",
        "system_fingerprint": None,
        "choices": [
            {
                "index": index,
                "finish_reason": "stop",
                "logprobs": None,
                "message": {
                    "role": "assistant",
                    "content": f"Answer {index} of {question}.",
                    "reasoning_content": None,
                    "refusal": None,
                    "tool_calls": [],
                },
            }
            for index in range(count)
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 7 * count, "total_tokens": 8},
    }


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


def mutated_structure(rng: random.Random, body: Any) -> tuple[Any, tuple[Any, ...]]:
    """The body with one place changed, and that place."""
    body = copy.deepcopy(body)
    place = rng.choice(places(body)[1:])
    parent = body
    for key in place[:-1]:
        parent = parent[key]
    match rng.randrange(4):
        case 0:
            del parent[place[-1]]
        case 1:
            parent[place[-1]] = [parent[place[-1]]]
        case 2 if isinstance(parent, list):
            parent.append(copy.deepcopy(rng.choice(parent)))
        case _:
            parent[place[-1]] = rng.choice(JUNK)
    return body, place


def mutated_bytes(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content))
    end = min(len(content), start + rng.randint(1, 9))
    return rng.choice(
        [
            content[:start],
            content[start:],
            content[:start] + rng.randbytes(end - start) + content[end:],
            content[:start] + content[end:],
            content[:start] + b"\xe9\xff" + content[start:],
            b"data: " + content + b"\n\ndata: [DONE]\n\n",
            b"\xef\xbb\xbf" + content,
            content.decode().encode("utf-16"),
            b"<html>" + content + b"</html>",
        ]
    )


def mutation(question: str) -> tuple[bytes, bool]:
    """The reply to a question, and whether it still holds the same answers."""
    rng = random.Random(question)
    body = good(question)
    if rng.random() < 0.3:
        return mutated_bytes(rng, json.dumps(body).encode()), False
    mutant, place = mutated_structure(rng, body)
    return json.dumps(mutant).encode(), any(key in BESIDE for key in place)


Serve = Callable[[Callable[[str, int], bytes]], None]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Answers requests in this process, by the question and n."""

    def answer_by(reply: Callable[[str, int], bytes]) -> None:
        async def handle(_: Any, request: httpx2.Request) -> httpx2.Response:
            asked = json.loads(await request.aread())
            return httpx2.Response(200, content=reply(asked["messages"][-1]["content"], asked["n"]))

        monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", handle)

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(concurrent, "_STREAK", COUNT + 1)
    return answer_by


def ask(params: Params, prompts: list[Prompt]) -> tuple[dict[str, list[Answer]], str]:
    """Answers by question, and the line that tells of the others."""
    book = Book()
    told = ""
    try:
        load(params)([[p] for p in prompts], book)
    except StageError as error:
        told = str(error)
    return book.answers, told


def test_a_mutated_reply_is_an_answer_or_told_and_costs_only_itself(
    full: Params, serve: Serve, tmp_path: Path
) -> None:
    params = serve_at(full, "http://served/v1", SAMPLES, max_retries=0, concurrency=1)
    prompts = [prompt(str(number), f"question {number}") for number in range(COUNT)]
    mutants = {p.task.question: mutation(p.task.question) for p in prompts}

    serve(lambda question, n: mutants[question][0] if n > 1 else reply_of(question, 1))
    answers, told = ask(params, prompts)
    assert ask(params, prompts) == (answers, told)  # the same replies, the same bytes

    missing = [p for p in prompts if p.task.question not in answers]
    assert f"({len(missing)} prompts have no answer: " in told
    assert "\n" not in told
    assert COUNT / 4 < len(answers) < COUNT
    for question, (content, same) in mutants.items():
        samples = answers.get(question)
        if same:
            assert samples == good_answers(question)
        for sample in samples or ():
            told_empty = b'"content": ""' in content or b'"content": " "' in content
            told_empty |= b'"length"' in content  # where it is, the answer is marked truncated
            assert sample.text.strip() or told_empty, content

    serve(reply_of)
    rest, told = ask(params, missing)
    assert (len(answers | rest), told) == (COUNT, "")

    rows: list[Completion] = [
        {
            "task_id": p.task.task_id,
            "benchmark": "dataset",
            "condition": "standard",
            "sample": number,
            "completion": sample.text,
            "truncated": sample.truncated,
        }
        for p in prompts
        for number, sample in enumerate((answers | rest)[p.task.question])
    ]
    assert len(rows) == SAMPLES * COUNT
    write_completions(tmp_path / "journal.jsonl", rows)
    assert read_journal(tmp_path / "journal.jsonl") == rows


def reply_of(question: str, n: int) -> bytes:
    return json.dumps(good(question, n)).encode()


def good_answers(question: str) -> list[Answer]:
    return [Answer(f"Answer {index} of {question}.", False) for index in range(SAMPLES)]
