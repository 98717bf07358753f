"""A published directory is pushed to a hub as it is: by huggingface_hub, to a hub on loopback."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from huggingface_hub import HfApi

from tests.reporting.test_model_card import COMMIT, page


class Hub(ThreadingHTTPServer):
    """What an upload asks of a hub; `files` are those committed, `cards` the checked metadata."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.files: dict[str, bytes] = {}
        self.cards: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        match self.path.rsplit("/", 2):
            case [_, "repos", "create"]:
                self._answer({"url": f"{self.server.url}/org/name"})
            case [_, _, "validate-yaml"]:
                self.server.cards.append(json.loads(body)["content"])
                self._answer({"errors": [], "warnings": []})
            case [_, "preupload", _]:
                files = json.loads(body)["files"]
                modes = [{**f, "uploadMode": "regular", "shouldIgnore": False} for f in files]
                self._answer({"files": modes})
            case [_, "commit", _]:
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        content = base64.b64decode(line["value"]["content"])
                        self.server.files[line["value"]["path"]] = content
                url = f"{self.server.url}/org/name/commit/{COMMIT}"
                self._answer({"commitUrl": url, "commitOid": COMMIT, "success": True})
            case _:
                self.send_error(404)

    def do_GET(self) -> None:
        self.send_error(404)  # nothing is there yet

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _answer(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()
    thread = Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()


def test_a_hub_takes_the_directory_with_its_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    files = {"README.md": page(COMMIT).encode(), "adapter_config.json": b"{}", "args.json": b"{}"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with serving() as hub:
        api = HfApi(endpoint=hub.url, token="hf_test")
        api.create_repo("org/name")
        api.upload_folder(repo_id="org/name", folder_path=tmp_path)
        assert hub.files == files
        assert hub.cards == [page(COMMIT)]
