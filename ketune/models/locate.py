"""Which weights a model name means: a directory, or a commit on the Hugging Face hub."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from ketune.paths import RESOLVED
from ketune.runtime import StageError, file_sha256, fingerprint


class Resolved(TypedDict):
    """models/base.json, models/baselines/: a model, and the commit or digest it stands for."""

    model: str
    model_revision: str
    commit: str | None
    digest: str


# None: of a baseline whose answers come from elsewhere.
_RESOLVED: TypeAdapter[Resolved | None] = TypeAdapter(Resolved | None)
_TIMEOUT = 10.0  # seconds the hub may take to answer
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Model:
    """A model that exists. `revision` is the commit of a hub model, None for a directory.

    `digest` identifies the weights: the commit, or the SHA-256 over a directory's files.
    """

    name: str
    revision: str | None
    digest: str


def locate_model(name: str, revision: str) -> Model:
    """Find the model `name`: a directory, else a hub id at `revision` (branch, tag or commit).

    The revision of a directory is "main" for whatever it holds, or the first digits of its SHA-256.

    A hub that cannot be reached is no error when the revision is in the local cache.

    Raises StageError: no such directory or hub model, no access, hub unreachable, a directory
    with other content than the revision pins.
    """
    path = model_directory(name)
    if path is not None:
        digest = directory_sha256(path)
        if revision != "main" and not digest.startswith(revision):
            raise StageError(
                f"model_revision: {name} has SHA-256 {digest[:12]}…, not {revision}; restore its "
                f"files, or set model_revision to {digest[:12]}"
            )
        return Model(name, None, digest)
    # ms-swift would take a mistyped path for a hub id.
    if not _HUB_ID.fullmatch(name) or Path(name).parent.is_dir():
        raise StageError(f"model {name!r}: no such directory; check the path, or give a hub id")
    commit = _hub_commit(name, revision)
    return Model(name, commit, commit)


def model_directory(name: str) -> Path | None:
    """The directory that a model's name is the path of; None for a hub id."""
    path = Path(name).expanduser()
    return path if path.is_dir() else None


def resolve_model(name: str, revision: str, known: Path | None = None) -> Resolved:
    """What a model stands for, as `known` records it, else as `locate_model` finds it now."""
    model = resolved_model(name, revision, known) if known else locate_model(name, revision)
    return {
        "model": name,
        "model_revision": revision,
        "commit": model.revision,
        "digest": model.digest,
    }


def resolved_model(name: str, revision: str, record: Path) -> Model:
    """The model as `record` has it; one that it does not name is located now.

    A branch of the hub moves. The record keeps its commit, so that training, merge and baseline use
    the same weights. `dvc repro --force --single-item resolve` moves it.

    Raises StageError as `locate_model` does, and for a directory that changed since.
    """
    found = _RESOLVED.validate_json(record.read_bytes()) if record.is_file() else None
    if found is None or (found["model"], found["model_revision"]) != (name, revision):
        return locate_model(name, revision)
    model = Model(name, found["commit"], found["digest"])
    if model.revision is None and locate_model(name, revision).digest != model.digest:
        stage = "resolve" if record == RESOLVED else f"resolve_baseline@{record.stem}"
        raise StageError(
            f"model {name!r}: its files changed since {record} was written; restore them, or run "
            f"`dvc repro --force --single-item {stage}`"
        )
    return model


def short_name(model: Model) -> str:
    """A model in few characters: its name, and its commit or digest."""
    return fingerprint(model.name.rstrip("/").rpartition("/")[2], model.digest)


def directory_sha256(directory: Path) -> str:
    """SHA-256 over the relative names and contents of a directory's files."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(directory).as_posix()}\0".encode())
            digest.update(bytes.fromhex(file_sha256(path)))
    return digest.hexdigest()


def plugin_digests(paths: Sequence[str]) -> list[str]:
    """SHA-256 of every external plugin. Raises StageError naming one that is not there."""
    for path in paths:
        if not Path(path).is_file():
            raise StageError(f"external_plugins: {path} not found; check the path")
    return [file_sha256(Path(path)) for path in paths]


def _hub_commit(name: str, revision: str) -> str:
    try:
        commit = HfApi().model_info(name, revision=revision, timeout=_TIMEOUT).sha
    except GatedRepoError:
        raise StageError(
            f"model {name!r}: access is not granted; accept its terms on the hub and set HF_TOKEN"
        ) from None
    except RevisionNotFoundError:
        raise StageError(f"model {name!r}: the hub has no revision {revision!r}") from None
    except (RepositoryNotFoundError, HFValidationError):
        raise StageError(
            f"model {name!r}: neither a directory nor a model on the hub; check its spelling, "
            "or set HF_TOKEN if it is private"
        ) from None
    # Of the last three: a SOCKS proxy without its package, a wrong HF_ENDPOINT or NO_PROXY.
    except (httpx.HTTPError, OSError, ImportError, ValueError, httpx.InvalidURL) as error:
        return _cached_commit(name, revision, error)
    if commit is None:
        raise StageError(f"model {name!r}: the hub names no commit; set model_revision")
    return commit


def _cached_commit(name: str, revision: str, error: Exception) -> str:
    try:
        return Path(snapshot_download(name, revision=revision, local_files_only=True)).name
    except LocalEntryNotFoundError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StageError(
            f"model {name!r}: the hub cannot be reached ({reason}) and the model is not in the "
            "local cache; check the network, or set model to a local directory"
        ) from None
