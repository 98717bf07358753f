"""Datasets on the Hugging Face hub: a pinned commit, its split files, verified downloads."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import DatasetInfo, RepoSibling
from huggingface_hub.utils import logging

from ketune.proxies import check_proxies, proxy_variables
from ketune.runtime import StageError, file_sha256
from ketune.tasks.kinds import Split

# ImportError: a SOCKS proxy without its package. ValueError, InvalidURL: HF_ENDPOINT, NO_PROXY.
_FAILURES = (
    EntryNotFoundError,
    httpx.HTTPError,
    httpx.InvalidURL,
    OSError,
    ValueError,
    ImportError,
)
_TIMEOUT = 10.0  # seconds to answer, so that a machine without network knows at once

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
    check_proxies()
    _check_token()
    # It logs every interruption that it resumes after; what it gives up on is raised.
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        info = HfApi().dataset_info(
            repo_id, revision=revision, timeout=_TIMEOUT, files_metadata=True
        )
    except _FAILURES as error:
        raise StageError(_explain(repo_id, revision, error)) from None
    commit, siblings = _listing(repo_id, info)
    chosen = select(siblings, f"hub dataset {repo_id} at {commit[:12]}")
    files: dict[Split, list[Path]] = {
        split: [_fetch(repo_id, commit, siblings[name]) for name in names]
        for split, names in chosen.items()
    }
    return commit, files


def _check_token() -> None:
    if re.search("[^!#-&(-~]", os.environ.get("HF_TOKEN", "").strip()):
        raise StageError(
            "HF_TOKEN holds a character that no token has (a space, a line break or a quote?); "
            "set it again"
        )


def _listing(repo_id: str, info: DatasetInfo) -> tuple[str, dict[str, RepoSibling]]:
    if not info.sha:
        raise StageError(f"data.source {repo_id!r}: the hub names no commit; set data.revision")
    return info.sha, {sibling.rfilename: sibling for sibling in info.siblings or []}


def _fetch(repo_id: str, commit: str, sibling: RepoSibling) -> Path:
    name = sibling.rfilename
    try:
        path = Path(hf_hub_download(repo_id, name, repo_type="dataset", revision=commit))
    except _FAILURES as error:
        remedy = "run again to go on with it: what has arrived is kept"
        if _is_of_this_machine(error):
            remedy = (
                f"free space there, or set HF_HOME to a directory that can be written; {remedy}"
            )
        raise StageError(
            f"data.source {repo_id!r}: download of {name} failed ({_one_line(error)}); {remedy}"
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
    remedy = f"check the network, or {local}"
    if _is_of_this_machine(error):
        remedy = "correct or unset HF_HOME, HF_TOKEN_PATH, SSL_CERT_FILE, SSLKEYLOGFILE"
    elif isinstance(error, ImportError | ValueError | httpx.InvalidURL):
        names = ["HF_ENDPOINT", "HF_TOKEN", "NO_PROXY", *proxy_variables()]
        remedy = f"correct or unset {', '.join(names)}"
    via = f" through the proxy of {', '.join(proxy_variables())}" if proxy_variables() else ""
    return f"{source}: the hub cannot be reached{via} ({_one_line(error)}); {remedy}"


def _is_of_this_machine(error: Exception) -> bool:
    """Whether a file of this machine failed, and not the network, whose errors carry no number."""
    return isinstance(error, OSError) and error.errno is not None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
