"""A real S3 server on loopback, and clones that hold the results of a run no test has time for."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from random import Random
from tempfile import NamedTemporaryFile

import pytest
from dvc.repo import Repo

from tests.graph.conftest import Clone, clone_work_tree

KEY, SECRET = "test-key", "only-in-the-environment"
BUCKET = "team"
PATIENCE = 60.0  # seconds
PICTURE = 30_000  # bytes


@dataclass(frozen=True)
class Server:
    """`rclone serve s3` over a directory; each directory in it is a bucket."""

    endpoint: str
    store: Path

    def objects(self, bucket: str = BUCKET) -> dict[str, Path]:
        """The stored objects by the hash DVC keeps them under, without uploads under way."""
        return objects(self.store / bucket)


def objects(root: Path) -> dict[str, Path]:
    """DVC's objects anywhere under `root`, in a cache or a bucket, by hash."""
    files = (path for path in root.rglob("files/md5/??/*") if not path.name.endswith(".tmp"))
    return {f"{path.parent.name}{path.name}": path for path in files if path.name[0] != "."}


def damaged(root: Path) -> list[str]:
    """The objects whose bytes are not those of their hash."""
    return [
        name
        for name, path in objects(root).items()
        if md5(path.read_bytes()).hexdigest() != name.removesuffix(".dir")
    ]


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll, quickly enough to act in the middle of a transfer."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


@contextmanager
def serve(store: Path, *options: str) -> Iterator[Server]:
    """Serve `store` on a free port until the block ends, however it ends."""
    rclone = shutil.which("rclone", path=str(Path(sys.executable).parent)) or "rclone"
    command = [rclone, "serve", "s3", str(store), "--addr", "127.0.0.1:0", *options]
    # Nothing of the user's rclone; tests change buckets behind its back (0 makes it spin).
    command += ["--auth-key", f"{KEY},{SECRET}", "--config", "", "--dir-cache-time", "100ms"]
    with NamedTemporaryFile("w") as log:
        process = subprocess.Popen(command, stderr=log)

        def address() -> str:
            assert process.poll() is None, Path(log.name).read_text()
            match = re.search(r"s3 server on \[(http://[\d.:]+)", Path(log.name).read_text())
            return match[1] if match else ""

        try:
            wait_until(lambda: bool(address()))
            yield Server(address(), store)
        finally:
            process.kill()
            process.wait()


def record_results(clone: Clone) -> None:
    """Put stand-ins where the graph's outs belong, and write the dvc.lock of a run that made them.

    Running the graph takes minutes; for DVC an out is whatever bytes stand there at `dvc commit`.
    """
    for out in Repo(clone.root).index.outs:
        path = Path(out.fs_path)
        if not path.suffix:
            for number in range(3):
                _write(path / f"part-{number}.bin", 50_000)
        elif not path.exists():
            _write(path, 2_000)
    _write(clone.root / "data/raw/source.json", 2_000)
    prepared = clone.root / "data/prepared"
    for split in ("train", "validation", "test"):
        _write(prepared / f"{split}.jsonl", 50_000)
    for number in range(16):
        _write(prepared / f"images/{number:016x}.png", PICTURE)
    clone.run("dvc", "commit", "--force", "--quiet")


def _write(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Text: DVC refuses binary metrics.
    path.write_text(Random("/".join(path.parts[-3:])).randbytes(size // 2).hex())


def make(clone: Clone, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A target of the clone's Makefile, with the tests' own environment for its .venv."""
    return clone.run("make", "-o", ".venv/.ready", *arguments, check=check)


def elsewhere(
    clone: Clone, directory: Path, *, bucket: str = BUCKET, cache: Path | None = None
) -> Clone:
    """What `git clone` gives on another machine, with its remote in `bucket`."""
    home = directory / "home"
    home.mkdir(parents=True)
    copy = Clone(directory / "ketune", home)
    clone.run("git", "clone", "-q", ".", str(copy.root))
    local = [f"['remote \"s3\"']\nurl = s3://{bucket}/ketune\n"]
    if cache:
        local.append(f"[cache]\ndir = {cache}\n")
    (copy.root / ".dvc/config.local").write_text("".join(local))
    return copy


def results(clone: Clone) -> dict[str, bytes]:
    """Bytes of every out that is shared: the merged model is rebuilt, other folders are links."""
    files = (path for room in ("data", "models") for path in (clone.root / room).rglob("*"))
    contents = {
        str(path.relative_to(clone.root)): path.read_bytes() for path in files if path.is_file()
    }
    own = ("models/merged/", "data/source/", "models/base/", "models/baselines/base/")
    return {name: content for name, content in contents.items() if not name.startswith(own)}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    store = tmp_path_factory.mktemp("s3") / "store"
    (store / BUCKET).mkdir(parents=True)
    with serve(store) as started, pytest.MonkeyPatch.context() as patch:
        # All that DVC is told of the server, besides the bucket's name in .dvc/config.
        patch.setenv("AWS_ENDPOINT_URL_S3", started.endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE"):
            patch.delenv(name, raising=False)
        yield started


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A committed run with a default remote, nothing pushed yet. Tests leave it as it is."""
    clone = clone_work_tree(tmp_path_factory.mktemp("recorded"))
    record_results(clone)
    make(clone, "remote", f"URL=s3://{BUCKET}/ketune")
    clone.run("git", "add", "-A")
    clone.run("git", "commit", "-qm", "results")
    return clone


@pytest.fixture(scope="session")
def published(recorded: Clone, server: Server) -> Clone:
    """The same, pushed to BUCKET."""
    recorded.run("dvc", "push")
    assert server.objects()
    return recorded
