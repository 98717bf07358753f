"""DVC experiments by name: what they hold, read from git without checking anything out."""

import io
import json
import re
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ketune.params import Params, load_params, read_yaml
from ketune.runtime import StageError

_REFERENCE = re.compile(r"refs/exps/([0-9a-f]{2})/([0-9a-f]{38})/(.+)")


@dataclass(frozen=True)
class Experiment:
    """An experiment's name, its commit, and the commit that it was derived from."""

    name: str
    commit: str
    baseline: str


def head() -> str:
    """The commit that new experiments derive from."""
    return _git("rev-parse", "HEAD").strip()


def find(name: str) -> Experiment | None:
    """The experiment `name` derived from HEAD, else the newest of that name, else None."""
    listed = _git(
        "for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/exps"
    )
    found = []
    for line in listed.splitlines():
        commit, reference = line.split(" ", 1)
        if (match := _REFERENCE.fullmatch(reference)) and match[3] == name:
            found.append(Experiment(name, commit, match[1] + match[2]))
    current = head()
    return next((e for e in found if e.baseline == current), found[0] if found else None)


def read_file(experiment: Experiment, path: str) -> str | None:
    """The text of a git-tracked file of the experiment, None where it has none."""
    result = _run("show", f"{experiment.commit}:{path}")
    return result.stdout.decode() if result.returncode == 0 else None


def read_json(experiment: Experiment, path: str) -> dict[str, Any] | None:
    text = read_file(experiment, path)
    return None if text is None else json.loads(text)


def read_params(experiment: Experiment) -> Params:
    """Effective parameters of the experiment.

    Raises StageError when today's schema does not take them.
    """
    archive = _run("archive", "--format=tar", experiment.commit, "params.yaml", "profiles").stdout
    with tempfile.TemporaryDirectory() as directory:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            # An argument since Python 3.11.4 alone.
            files.extraction_filter = getattr(tarfile, "data_filter", None)
            files.extractall(directory)
        return load_params(Path(directory))


def is_complete(experiment: Experiment, stage: str) -> bool:
    """Whether the experiment ran `stage` on the results of its own earlier stages.

    Without running it, an experiment has the results that its baseline commit has. They belong to
    it only if dvc.lock's hashes agree from the stage back to the data.
    """
    text = read_file(experiment, "dvc.lock")
    if text is None:
        return False
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        stages = read_yaml(Path(file.name))["stages"]
    made = {
        out["path"]: (name, out.get("md5"))
        for name, entry in stages.items()
        for out in entry.get("outs", [])
    }
    pending, seen = [stage], {stage}
    while pending:
        entry = stages.get(pending.pop())
        if entry is None:
            return False
        for dependency in entry.get("deps", []):
            maker, md5 = made.get(dependency["path"], (None, None))
            if maker is None:
                continue
            if md5 != dependency.get("md5"):
                return False
            if maker not in seen:
                seen.add(maker)
                pending.append(maker)
    return True


def _git(*arguments: str) -> str:
    result = _run(*arguments)
    if result.returncode:
        raise StageError(f"git {arguments[0]}: {result.stderr.decode().strip()}")
    return result.stdout.decode()


def _run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], capture_output=True, check=False)
