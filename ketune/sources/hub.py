"""Datasets on the Hugging Face hub: a pinned commit, its split files, verified downloads."""

import os
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

import httpx
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import DatasetInfo, RepoSibling
from huggingface_hub.utils import logging

from ketune.runtime import StageError, file_sha256
from ketune.tasks.kinds import Split

_TIMEOUT = 10.0  # seconds to answer, so that a machine without network knows at once

# InvalidURL: an endpoint or proxy that is none, such as one of port 99999. ValueError, ImportError:
# a proxy of a scheme that httpx does not know, or not without a further package.
_REFUSALS = (
    HfHubHTTPError,
    HFValidationError,
    httpx.HTTPError,
    httpx.InvalidURL,
    OSError,
    ValueError,
    ImportError,
)
_PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY")

SelectFiles = Callable[[Iterable[str], str], dict[Split, list[str]]]


def download(
    repo_id: str, revision: str, select: SelectFiles
) -> tuple[str, dict[Split, list[Path]]]:
    """Commit that `revision` names now, and the split files at that commit in the local cache.

    `select` picks the files of each split from the repository's listing. A connection that breaks
    is taken up again; after a failure the next call asks only for the files that had not arrived.
    A file whose SHA-256 is not the hub's is refused.

    Raises StageError: hub unreachable, no such dataset or revision, access not granted, a missing
    split, an interrupted or damaged download.
    """
    _check_environment()
    # It logs every interruption that it resumes after; what it gives up on is raised.
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        info = HfApi().dataset_info(
            repo_id, revision=revision, timeout=_TIMEOUT, files_metadata=True
        )
    except _REFUSALS as error:
        raise StageError(_explain(repo_id, revision, error)) from None
    commit, siblings = _listing(repo_id, info)
    chosen = select(siblings, f"hub dataset {repo_id} at {commit[:12]}")
    files: dict[Split, list[Path]] = {
        split: [_fetch(repo_id, commit, siblings[name]) for name in names]
        for split, names in chosen.items()
    }
    return commit, files


def _check_environment() -> None:
    """Raise StageError for a variable that the HTTP client would stumble over."""
    token = os.environ.get("HF_TOKEN", "")
    if token.strip() and not (token.strip().isascii() and token.strip().isprintable()):
        raise StageError(
            "HF_TOKEN holds a character that no token has (a line break or a typographic quote?); "
            "set it again"
        )
    for name in (*_PROXIES, *map(str.lower, _PROXIES)):
        value = os.environ.get(name, "")
        if value.lower().startswith("socks") and find_spec("socksio") is None:
            raise StageError(
                f"{name} is a SOCKS proxy, for which httpx lacks a package; unset {name}, name an "
                "http:// proxy, or run `pip install 'httpx[socks]'`"
            )


def _listing(repo_id: str, info: DatasetInfo) -> tuple[str, dict[str, RepoSibling]]:
    if not info.sha:
        raise StageError(f"data.source {repo_id!r}: the hub names no commit; set data.revision")
    return info.sha, {sibling.rfilename: sibling for sibling in info.siblings or []}


def _fetch(repo_id: str, commit: str, sibling: RepoSibling) -> Path:
    name = sibling.rfilename
    try:
        path = Path(hf_hub_download(repo_id, name, repo_type="dataset", revision=commit))
    except (EntryNotFoundError, *_REFUSALS) as error:
        raise StageError(
            f"data.source {repo_id!r}: download of {name} failed ({_one_line(error)}); "
            "run again to go on with it: what has arrived is kept"
        ) from None
    if sibling.lfs is not None and file_sha256(path) != sibling.lfs.sha256:
        raise StageError(
            f"{path}: its SHA-256 is not the hub's for {repo_id}/{name}; delete it and run again"
        )
    return path


def _explain(repo_id: str, revision: str, error: Exception) -> str:
    source = f"data.source {repo_id!r}"
    # A mistyped path and a hub id look alike, so the message offers both readings.
    local = "if you meant a directory, none of that name exists (write it as ./name)"
    match error:
        case GatedRepoError():
            return f"{source}: the hub dataset is gated; accept its terms there and set HF_TOKEN"
        case RepositoryNotFoundError():
            return f"{source}: no such hub dataset, or it is private (set HF_TOKEN); {local}"
        case RevisionNotFoundError():
            return f"{source}: the hub dataset has no revision {revision!r}; check data.revision"
        case HFValidationError():
            return f"{source}: not a hub id (org/name); {local}"
        case OfflineModeIsEnabled():
            return f"{source}: HF_HUB_OFFLINE is set, so the hub cannot be asked; unset it; {local}"
    return (
        f"{source}: the hub cannot be reached ({_one_line(error)}); check the network, or {local}"
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
