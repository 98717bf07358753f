"""The hub path, against a stand-in of the hub's HTTP interface on loopback."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from urllib.parse import unquote, urlsplit

import pytest

from ketune.tasks.kinds import SPLITS
from tests.dataset.published import (
    good_splits,
    run_stage,
    workspace,
    write_arrow,
    write_parquet,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 10 * 2**20


@dataclass
class Hub:
    """A hub with one dataset, org/name, whose branch main is at COMMIT."""

    directory: Path
    url: str = ""
    wrong_checksums: bool = False
    cut_downloads: int = 0  # GETs still to be cut half-way
    requested: list[str] = field(default_factory=list)
    broken: str = ""  # GETs of files with this in their name are cut every time
    ranges: list[str] = field(default_factory=list)  # of GETs that ask for part of a file
    garbled: bool = False  # every part that follows a cut is of zeros

    def files(self) -> dict[str, bytes]:
        paths = (path for path in self.directory.rglob("*") if path.is_file())
        return {path.relative_to(self.directory).as_posix(): path.read_bytes() for path in paths}

    def info(self) -> bytes:
        siblings = []
        for name, content in self.files().items():
            digest = "0" * 64 if self.wrong_checksums else hashlib.sha256(content).hexdigest()
            lfs = {"size": len(content), "sha256": digest, "pointerSize": 130}
            siblings.append({"rfilename": name, "size": len(content), "lfs": lfs})
        body = {"id": "org/name", "sha": COMMIT, "siblings": siblings, "tags": []}
        return json.dumps(body).encode()


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def refuse(self, code: str) -> None:
            self.send_response(404)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def answer(self, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requested.append(path)
            if "/org/name" not in path:
                self.refuse("RepoNotFound")
            elif path.startswith("/api/datasets/org/name"):
                if path.endswith(("/revision/main", f"/revision/{COMMIT}")):
                    self.send(hub.info(), body)
                else:
                    self.refuse("RevisionNotFound")
            else:
                self.send_file(path.removeprefix(f"/datasets/org/name/resolve/{COMMIT}/"), body)

        def send_file(self, name: str, body: bool) -> None:
            content = hub.files().get(name)
            if content is None:
                self.refuse("EntryNotFound")
                return
            start = 0
            if (wanted := self.headers.get("Range", "")) and wanted.startswith("bytes="):
                start = int(wanted.removeprefix("bytes=").split("-")[0])
            if body and start:
                hub.ranges.append(wanted)
                if hub.garbled:
                    content = content[:start] + bytes(len(content) - start)
            self.send_response(206 if start else 200)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(content) - start))
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            self.end_headers()
            if not body:
                return
            if hub.cut_downloads > 0 or (hub.broken and hub.broken in name):
                hub.cut_downloads -= hub.cut_downloads > 0
                self.wfile.write(content[start : len(content) // 2])
                self.close_connection = True
                return
            self.wfile.write(content[start:])

        def send(self, content: bytes, body: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

        def do_GET(self) -> None:
            self.answer(body=True)

        def do_HEAD(self) -> None:
            self.answer(body=False)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    directory = write_parquet(tmp_path / "hub" / "data", good_splits(30), shards=2).parent
    (directory / "README.md").write_text("a card")
    with serving(Hub(directory)) as running:
        yield running


def ingest(root: Path, endpoint: str, offline: str = "0") -> tuple[int, str]:
    """Exit status and standard error of the ingest stage against `endpoint`."""
    result = run_stage(
        root,
        "ingest",
        HF_ENDPOINT=endpoint,
        HF_HOME=str(root / "cache"),
        HF_HUB_OFFLINE=offline,
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        HF_HUB_DISABLE_XET="1",
    )
    return result.returncode, result.stderr


def assert_failed(outcome: tuple[int, str], root: Path, *expected: str) -> None:
    status, error = outcome
    assert status == 1, error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    for text in expected:
        assert text in error
    assert not [*(root / "data").glob("*")]


@pytest.mark.parametrize("revision", ["main", COMMIT])
def test_hub_rows_are_those_of_the_files_and_the_commit_is_recorded(
    tmp_path: Path, hub: Hub, revision: str
) -> None:
    remote = workspace(tmp_path / "remote", "org/name", revision=revision)
    assert ingest(remote, hub.url) == (0, "")
    local = workspace(tmp_path / "local", hub.directory)
    assert ingest(local, hub.url) == (0, "")
    for split in SPLITS:
        name = f"data/raw/{split}-00000-of-00001.parquet"
        assert (remote / name).read_bytes() == (local / name).read_bytes()
    provenance = json.loads((remote / "data" / "raw" / "source.json").read_text())
    assert provenance["source"] == "org/name"
    assert (provenance["revision"], provenance["commit"]) == (revision, COMMIT)
    # Only what the splits need is downloaded, and at the commit rather than the branch.
    downloads = [path for path in hub.requested if path.startswith("/datasets/")]
    assert downloads
    assert all(COMMIT in path and path.endswith(".parquet") for path in downloads)


def test_hub_and_local_forms_give_the_same_prepared_bytes(tmp_path: Path, hub: Hub) -> None:
    rows = good_splits(30)
    sources: dict[str, str | Path] = {
        "hub": "org/name",
        "parquet": hub.directory,
        "arrow": tmp_path / "saved",
    }
    write_arrow(tmp_path / "saved", rows)
    prepared = {}
    for name, source in sources.items():
        root = workspace(tmp_path / name, source)
        assert ingest(root, hub.url) == (0, "")
        result = run_stage(root, "prepare")
        assert result.returncode == 0, result.stderr
        files = [path for path in (root / "data" / "prepared").rglob("*") if path.is_file()]
        prepared[name] = {str(path.relative_to(root)): path.read_bytes() for path in files}
    assert len(prepared["hub"]) > 10
    assert prepared["hub"] == prepared["parquet"] == prepared["arrow"]


def test_interrupted_download_is_completed(tmp_path: Path, hub: Hub) -> None:
    hub.cut_downloads = 1
    root = workspace(tmp_path / "work", "org/name")
    status, error = ingest(root, hub.url)
    assert status == 0, error
    assert hub.cut_downloads == 0
    assert_same_rows(root, hub, tmp_path)


@pytest.fixture
def large_hub(tmp_path: Path) -> Iterator[Hub]:
    """Its train file is three of the pieces that the library writes to disk at once."""
    rows = good_splits(30)
    rows["train"][0]["answer"] = Random(0).randbytes(13_000_000).hex()
    directory = write_parquet(tmp_path / "large" / "data", rows).parent
    with serving(Hub(directory)) as running:
        yield running


def test_an_interrupted_file_goes_on_where_it_was(tmp_path: Path, large_hub: Hub) -> None:
    large_hub.cut_downloads = 1
    root = workspace(tmp_path / "work", "org/name")
    assert ingest(root, large_hub.url) == (0, "")
    assert large_hub.ranges == [f"bytes={PIECE}-"]


def test_a_resumed_file_of_other_bytes_is_refused(tmp_path: Path, large_hub: Hub) -> None:
    large_hub.cut_downloads, large_hub.garbled = 1, True
    root = workspace(tmp_path / "work", "org/name")
    assert_failed(ingest(root, large_hub.url), root, "SHA-256", "train-")
    assert large_hub.ranges


def test_after_a_failure_the_next_run_asks_only_for_what_is_missing(
    tmp_path: Path, hub: Hub
) -> None:
    hub.broken = "test-00001"
    root = workspace(tmp_path / "work", "org/name")
    assert_failed(ingest(root, hub.url), root, "download of", "test-00001", "run again")
    hub.broken, hub.requested = "", []
    assert ingest(root, hub.url) == (0, "")
    downloads = {path for path in hub.requested if path.startswith("/datasets/")}
    assert [Path(path).name for path in downloads] == ["test-00001-of-00002.parquet"]
    assert_same_rows(root, hub, tmp_path)


def assert_same_rows(root: Path, hub: Hub, directory: Path) -> None:
    local = workspace(directory / "local", hub.directory)
    assert ingest(local, hub.url)[0] == 0
    for split in SPLITS:
        name = f"data/raw/{split}-00000-of-00001.parquet"
        assert (root / name).read_bytes() == (local / name).read_bytes()


def test_a_file_that_is_not_the_hubs_is_refused(tmp_path: Path, hub: Hub) -> None:
    hub.wrong_checksums = True
    root = workspace(tmp_path / "work", "org/name")
    assert_failed(ingest(root, hub.url), root, "SHA-256", "train-00000-of-00002.parquet")


def test_missing_split_on_the_hub_is_named(tmp_path: Path, hub: Hub) -> None:
    for file in (hub.directory / "data").glob("test-*"):
        file.unlink()
    root = workspace(tmp_path / "work", "org/name")
    assert_failed(ingest(root, hub.url), root, "org/name", "test-*.parquet")


def test_unknown_revision_is_named(tmp_path: Path, hub: Hub) -> None:
    root = workspace(tmp_path / "work", "org/name", revision="nightly")
    assert_failed(ingest(root, hub.url), root, "'nightly'", "data.revision")


def test_unknown_dataset_may_be_a_mistyped_directory(tmp_path: Path, hub: Hub) -> None:
    root = workspace(tmp_path / "work", "my/data")
    assert_failed(ingest(root, hub.url), root, "'my/data'", "no such hub dataset", "./name")


def test_an_impossible_hub_id_is_refused_without_asking(tmp_path: Path, hub: Hub) -> None:
    root = workspace(tmp_path / "work", "org/na me")
    assert_failed(ingest(root, hub.url), root, "not a hub id")
    assert not hub.requested


def test_unreachable_hub_fails_within_seconds(tmp_path: Path) -> None:
    root = workspace(tmp_path / "work", "org/name")
    started = time.monotonic()
    outcome = ingest(root, "http://127.0.0.1:9")
    assert time.monotonic() - started < 20
    assert_failed(outcome, root, "'org/name'", "hub cannot be reached", "./name")


def test_offline_mode_is_named(tmp_path: Path) -> None:
    root = workspace(tmp_path / "work", "org/name")
    assert_failed(ingest(root, "http://127.0.0.1:9", offline="1"), root, "HF_HUB_OFFLINE")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_TOKEN", "hf_abc\nhf_def"),
        ("HF_TOKEN", "“hf_abc”"),
        ("HF_TOKEN", '"hf_abc"'),
        ("HF_HUB_DOWNLOAD_TIMEOUT", "ten"),
        ("HF_TOKEN_PATH", "/"),
        ("SSL_CERT_FILE", "/nowhere/ca.pem"),
    ],
)
def test_a_variable_that_cannot_work_is_named(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    root = workspace(tmp_path / "work", "org/name")
    assert_failed(ingest(root, hub.url), root, name)
    assert not hub.requested


def test_a_cache_that_cannot_be_written_names_the_variable(tmp_path: Path, hub: Hub) -> None:
    root = workspace(tmp_path / "work", "org/name")
    (root / "cache").mkdir()
    (root / "cache/hub").write_text("in the way")
    assert_failed(ingest(root, hub.url), root, "download of", "set HF_HOME")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("HTTP_PROXY", "http://user:secret@127.0.0.1:99999", "HTTP_PROXY: it is no URL (Port"),
        ("ALL_PROXY", "socks5://127.0.0.1:9", "through the proxy of ALL_PROXY"),
        ("NO_PROXY", "[::1]", "correct or unset HF_ENDPOINT, HF_TOKEN, NO_PROXY"),
    ],
)
def test_a_proxy_that_cannot_be_used_names_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub, name: str, value: str, told: str
) -> None:
    root = workspace(tmp_path / "work", "org/name")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv(name, value)
    outcome = ingest(root, hub.url)
    assert_failed(outcome, root, told)
    assert "secret" not in outcome[1]
    assert not hub.requested
