"""Outcomes to compare, of a revision, an experiment, the work tree or a file."""

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from dvc.api import DVCFileSystem
from dvc.exceptions import NotDvcRepoError
from dvc.repo import Repo
from dvc.scm import SCMError
from dvc_data.index import DataIndexDirError

from ketune.paths import FINETUNED, OUTCOMES
from ketune.runtime import StageError, read_jsonl

WORKSPACE = "workspace"
_NEEDED = {
    *("task_id", "benchmark", "condition", "type", "category", "multimodal"),
    *("scorable", "outcome", "rouge_l", "bleu"),
}
# Metrics that the comparison itself shows, task by task.
_SHOWN_BELOW = re.compile(r"(pass@\d+|rouge_l|bleu)$")


def read_outcomes(name: str) -> list[dict[str, Any]]:
    """Outcome rows that `name` stands for: FILE.jsonl, REVISION or REVISION:MODEL.

    A revision is git's, an experiment's name, or `workspace`. Its outcomes come from DVC's cache or
    remote; nothing is checked out. The model is `finetuned` unless given.

    Raises StageError: no such file, revision or model, outcomes that are neither cached nor in a
    remote, or rows that are no outcomes.
    """
    if name.endswith(".jsonl"):
        if not Path(name).is_file():
            raise StageError(
                f"{name} not found; give an outcomes file, a revision or an experiment"
            )
        return _checked(read_jsonl(Path(name)), name)
    revision, model = split(name)
    path = OUTCOMES / f"{model}.jsonl"
    if revision == WORKSPACE:
        if not path.is_file():
            raise StageError(f"{path} not found; run `dvc repro` or `dvc pull {path}`")
        return _checked(read_jsonl(path), str(path))
    text = _read_revision(revision, model, path.as_posix())
    return _checked([json.loads(line) for line in text.split("\n") if line], name)


def split(name: str) -> tuple[str, str]:
    """("REVISION", "MODEL") of REVISION:MODEL or REVISION."""
    revision, _, model = name.partition(":")
    return revision, model or FINETUNED


def changes(a: str, b: str) -> dict[str, dict[str, tuple[Any, Any]]]:
    """{"params": {key: (a's, b's)}, "metrics": {file:key: (a's, b's)}} of what differs.

    None stands where a revision lacks it. Rates of a model are left out. {} where either is a
    file.
    """
    if a.endswith(".jsonl") or b.endswith(".jsonl"):
        return {}
    before, after = split(a)[0], split(b)[0]
    with Repo() as repo:
        params = repo.params.diff(a_rev=before, b_rev=after).get("diff", {})
        metrics = repo.metrics.diff(a_rev=before, b_rev=after).get("diff", {})
    shown = {key: values for key, values in _flat(metrics).items() if not _SHOWN_BELOW.search(key)}
    own = {key.removeprefix("params.yaml:"): values for key, values in _flat(params).items()}
    return {"params": own, "metrics": shown}


def _flat(
    diff: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> dict[str, tuple[Any, Any]]:
    return {
        f"{file}:{key}": (values.get("old"), values.get("new"))
        for file, keys in sorted(diff.items())
        for key, values in sorted(keys.items())
    }


def _read_revision(revision: str, model: str, path: str) -> str:
    try:
        with Repo() as here:  # its remotes, which an old revision's configuration may lack
            files = DVCFileSystem(rev=revision, config=dict(here.config))
        found = files.ls(OUTCOMES.as_posix(), detail=False)
    except SCMError:
        raise StageError(f"{revision} is no git revision, experiment or .jsonl file") from None
    except NotDvcRepoError as error:
        raise StageError(f"{error}; run this in the repository") from None
    except FileNotFoundError:
        found = []
    except DataIndexDirError as error:  # a revision that tracks the whole directory
        raise _gone(path, revision, error) from None
    if not files.exists("dvc.lock"):  # what dvc.yaml declares is listed all the same
        raise StageError(f"{revision} has no results; run `dvc repro` there and commit dvc.lock")
    if path not in found:
        models = sorted(file.stem for file in map(PurePosixPath, found) if file.suffix)
        raise StageError(
            f"{revision} has no outcomes of {model!r}; it has those of: {', '.join(models) or '-'}"
        )
    try:
        return str(files.read_text(path, encoding="utf-8"))
    except Exception as error:  # every kind of remote raises its own
        raise _gone(path, revision, error) from None


def _gone(path: str, revision: str, error: Exception) -> StageError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return StageError(
        f"{path} of {revision} is neither in the cache nor in a remote that answers ({reason}); "
        "`dvc push` it where it was made, or run that revision again"
    )


def _checked(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    for number, row in enumerate(rows, 1):
        if missing := sorted(_NEEDED - row.keys()):
            raise StageError(
                f"{name}:{number}: no {missing[0]}: these are no outcomes; score completions with "
                "`ketune score`"
            )
    return rows
