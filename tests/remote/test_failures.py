"""What goes wrong with a remote: DVC says so, exits non-zero, and nothing good is lost."""

import shutil
from pathlib import Path

import pytest
import yaml

from tests.graph.conftest import Clone
from tests.remote.conftest import (
    BUCKET,
    PICTURE,
    Server,
    damaged,
    elsewhere,
    make,
    objects,
    results,
)


@pytest.mark.parametrize("command", ["push", "pull"])
def test_wrong_credentials_are_told(
    published: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    before = results(published)
    clone = published if command == "push" else elsewhere(published, tmp_path)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    result = clone.run("dvc", command, check=False)
    assert result.returncode
    assert "403" in result.stderr
    assert "Forbidden" in result.stderr
    assert results(published) == before
    assert damaged(published.root / ".dvc/cache") == []


def test_missing_credentials_are_told(published: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    result = published.run("dvc", "push", check=False)
    assert result.returncode
    assert "Unable to locate credentials" in result.stderr


def test_a_missing_bucket_is_told(published: Clone, server: Server, tmp_path: Path) -> None:
    cache = published.root / ".dvc/cache"
    sender = elsewhere(published, tmp_path / "sender", bucket="absent", cache=cache)
    receiver = elsewhere(published, tmp_path / "receiver", bucket="absent")
    for clone, command in ((sender, "push"), (receiver, "pull")):
        result = clone.run("dvc", command, check=False)
        assert result.returncode
        assert "bucket does not exist" in result.stderr
    assert not (server.store / "absent").exists()
    assert objects(cache).keys() >= server.objects().keys()


def test_a_corrupted_object_is_found_and_mended(
    published: Clone, server: Server, tmp_path: Path
) -> None:
    bucket = server.store / "corrupted"
    shutil.copytree(server.store / BUCKET, bucket)
    lock = yaml.safe_load((published.root / "dvc.lock").read_text())
    (tree,) = (
        out["md5"] for out in lock["stages"]["prepare"]["outs"] if out["path"] == "data/prepared"
    )
    listing = objects(bucket)[tree]
    name, victim = next(
        item for item in objects(bucket).items() if item[1].stat().st_size == PICTURE
    )
    victim.chmod(0o644)
    # Of the same size: only the hash can tell.
    victim.write_bytes(victim.read_bytes()[::-1])

    receiver = elsewhere(published, tmp_path, bucket=bucket.name)
    pull = receiver.run("dvc", "pull", "--verbose", "ingest", "prepare", "train", check=False)
    assert pull.returncode
    cached = receiver.root / ".dvc/cache/files/md5" / name[:2] / name[2:]
    assert f"corrupted cache file '{cached}'" in pull.stdout + pull.stderr
    assert "data/prepared" in pull.stderr
    # The other outs are there, and what came whole is kept.
    cache = receiver.root / ".dvc/cache"
    assert {key.split("/")[1] for key in results(receiver)} >= {"raw", "adapter"}
    assert not (receiver.root / "data/prepared").exists()
    assert damaged(cache) == []
    assert name not in objects(cache)

    # DVC takes a directory for complete while its listing is there, so that has to go as well.
    victim.unlink()
    listing.unlink()
    good = published.root / ".dvc/cache"
    sender = elsewhere(published, tmp_path / "sender", bucket=bucket.name, cache=good)
    sender.run("dvc", "push")
    make(receiver, "pull")
    assert results(receiver) == results(published)
