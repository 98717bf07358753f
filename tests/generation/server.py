"""A real HTTP server on loopback that speaks chat completions, and misbehaves as it is told."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What to send: a status with a body, or with `drop` nothing or half of it.

    `body` is JSON, or sent as it is where it is a string or bytes. `trickle`: a byte in that time.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False
    trickle: float = 0.0


@dataclass(frozen=True)
class Request:
    """What was received, and when (seconds, monotonic)."""

    path: str
    headers: dict[str, str]
    body: Body
    time: float

    @property
    def question(self) -> str:
        content = self.body["messages"][-1]["content"]
        return str(content if isinstance(content, str) else content[-1]["text"])


@dataclass
class Server:
    """`behave` gets a request and its number and returns a reply, None for a good answer."""

    url: str
    requests: list[Request]
    behave: Callable[[Request, int], Reply | None]
    stop: Callable[[], None] = lambda: None


def answer(body: Body, n: int | None = None, finish: str = "stop", **message: Any) -> Body:
    """A chat completion that depends on nothing but the request."""
    count = body.get("n", 1) if n is None else n
    content = body["messages"][-1]["content"]
    text = content if isinstance(content, str) else content[-1]["text"]
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {
                "index": index,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": f"{text} #{body['seed'] + index}"}
                | message,
            }
            for index in reversed(range(count))
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 7 * count, "total_tokens": 8},
    }


@contextmanager
def serving(behave: Callable[[Request, int], Reply | None] = lambda *_: None) -> Iterator[Server]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            request = Request(self.path, dict(self.headers), json.loads(content), time.monotonic())
            with lock:
                server.requests.append(request)
                number = len(server.requests)
            reply = server.behave(request, number) or Reply()
            time.sleep(reply.delay)
            body = answer(request.body) if reply.body is None else reply.body
            data = body.encode() if isinstance(body, str) else body
            data = data if isinstance(data, bytes) else json.dumps(data).encode()
            try:
                self.send_response(reply.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                while reply.trickle and data:
                    self.wfile.write(data[:1])
                    data = data[1:]
                    time.sleep(reply.trickle)
                self.wfile.write(data[: len(data) // 2] if reply.drop else data)
                if reply.drop:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client was killed

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})

    def stop() -> None:
        """Refuse connections from now on; those that are open stay."""
        if thread.is_alive():
            http.shutdown()
            http.server_close()
            thread.join()

    server = Server(f"http://127.0.0.1:{http.server_port}/v1", [], behave, stop)
    thread.start()
    try:
        yield server
    finally:
        stop()
