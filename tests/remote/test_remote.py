"""Sharing a run through S3: whole elsewhere, after an interruption too, no secret in any file."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.graph.conftest import Clone
from tests.remote.conftest import (
    BUCKET,
    KEY,
    SECRET,
    Server,
    damaged,
    elsewhere,
    make,
    objects,
    results,
    serve,
    wait_until,
)

# So slow that a transfer of 1 MB can be met in its middle.
SLOW = ("--bwlimit", "600k")


def kill_midway(clone: Clone, command: str, directory: Path) -> None:
    """Start `dvc command`, and kill -9 it when some objects have arrived in `directory`."""
    process = subprocess.Popen(
        ["dvc", command, "--jobs", "2", "--quiet"],
        cwd=clone.root,
        env=clone.environment,
        start_new_session=True,
    )
    try:
        wait_until(lambda: len(objects(directory)) >= 5)
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_pushed_run_is_whole_elsewhere(published: Clone, tmp_path: Path) -> None:
    other = elsewhere(published, tmp_path)
    make(other, "pull")
    assert results(other) == results(published)
    assert len(results(other)) > 25
    assert "up to date" in other.run("dvc", "repro", "--allow-missing").stdout
    # The merged model alone is not shared: without the flag its stage rebuilds it.
    assert (
        "Running stage 'merge'"
        in other.run("dvc", "repro", "--dry", "--single-item", "merge").stdout
    )


def test_no_file_holds_the_credentials_or_the_endpoint(published: Clone, server: Server) -> None:
    assert f"s3://{BUCKET}/ketune" in (published.root / ".dvc/config").read_text()
    files = [path for path in published.root.rglob("*") if path.is_file()]
    for secret in (KEY, SECRET, server.endpoint):
        holders = [path for path in files if secret.encode() in path.read_bytes()]
        # The tests' own source is part of the clone.
        assert [path for path in holders if "tests" not in path.parts] == []


def test_a_profile_gives_endpoint_and_credentials(
    published: Clone, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = elsewhere(published, tmp_path)
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    settings = other.home / ".aws"
    settings.mkdir()
    (settings / "config").write_text(f"[profile team]\nendpoint_url = {server.endpoint}\n")
    (settings / "credentials").write_text(
        f"[team]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "team")
    other.run("dvc", "pull", "ingest")
    assert (other.root / "data/raw").is_dir()


def test_a_push_killed_midway_is_completed_by_the_next(
    published: Clone, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = server.store / "killed-push"
    bucket.mkdir()
    cache = published.root / ".dvc/cache"
    sender = elsewhere(published, tmp_path, bucket=bucket.name, cache=cache)
    with serve(server.store, *SLOW) as slow, monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", slow.endpoint)
        kill_midway(sender, "push", bucket)
    complete = server.objects().keys()
    assert 0 < len(objects(bucket)) < len(complete)
    assert damaged(bucket) == damaged(cache) == []

    sender.run("dvc", "push")
    assert objects(bucket).keys() == complete
    assert damaged(bucket) == []


def test_a_pull_killed_midway_is_completed_by_the_next(
    published: Clone, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = elsewhere(published, tmp_path)
    cache = receiver.root / ".dvc/cache"
    with serve(server.store, *SLOW) as slow, monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", slow.endpoint)
        kill_midway(receiver, "pull", cache)
    assert 0 < len(objects(cache)) < len(server.objects())
    assert damaged(cache) == []
    assert results(receiver).keys().isdisjoint({"data/prepared/train.jsonl"})

    make(receiver, "pull")
    assert results(receiver) == results(published)


def test_a_registered_version_of_the_adapter_is_fetched_by_name(
    published: Clone, tmp_path: Path
) -> None:
    elsewhere(published, tmp_path)  # the tag is this clone's own
    other = Clone(tmp_path / "ketune", tmp_path / "home")
    other.run("git", "tag", "-a", "adapter@v1.0.0", "-m", "rank 32")
    other.run("dvc", "artifacts", "get", str(other.root), "adapter", "--out", str(tmp_path / "got"))
    own = published.root / "models/published"
    assert {path.name: path.read_bytes() for path in (tmp_path / "got").iterdir()} == {
        path.name: path.read_bytes() for path in own.iterdir()
    }
