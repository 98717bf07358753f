"""DVC experiments by name: what they hold, read from git without checking anything out."""

import json
import re
import subprocess
from dataclasses import dataclass
from typing import Any

from ketune.params import Params, parse_yaml, validate
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
    return git("rev-parse", "HEAD").strip()


def find(name: str) -> Experiment | None:
    """The experiment `name` derived from HEAD, else the newest of that name, else None."""
    found = [experiment for experiment in _listed() if experiment.name == name]
    current = head()
    return next((e for e in found if e.baseline == current), found[0] if found else None)


def derived() -> list[Experiment]:
    """The experiments that derive from HEAD, the oldest first."""
    current = head()
    return [e for e in reversed(_listed()) if e.baseline == current]


def elsewhere() -> list[str]:
    """Names of the experiments that derive from other commits, the newest first."""
    current = head()
    return list(dict.fromkeys(e.name for e in _listed() if e.baseline != current))


def resolve(name: str) -> Experiment:
    """The experiment `name`, else the commit that a revision of git stands for.

    Raises StageError when it is neither.
    """
    if (experiment := find(name)) is not None:
        return experiment
    result = _run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if result.returncode:
        raise StageError(f"{name} is no experiment and no git revision; `dvc exp list` has names")
    commit = result.stdout.decode().strip()
    return Experiment(name, commit, commit)


def _listed() -> list[Experiment]:
    """Every experiment of the repository, the newest first."""
    listed = git(
        "for-each-ref", "--sort=-committerdate", "--format=%(objectname) %(refname)", "refs/exps"
    )
    found = []
    for line in listed.splitlines():
        commit, reference = line.split(" ", 1)
        if match := _REFERENCE.fullmatch(reference):
            found.append(Experiment(match[3], commit, match[1] + match[2]))
    return found


def read_file(experiment: Experiment, path: str) -> str | None:
    """The text of a git-tracked file of the experiment, None where it has none."""
    result = _run("show", f"{experiment.commit}:{path}")
    return result.stdout.decode() if result.returncode == 0 else None


def read_json(experiment: Experiment, path: str) -> dict[str, Any] | None:
    text = read_file(experiment, path)
    return None if text is None else json.loads(text)


def read_params(experiment: Experiment) -> Params:
    """Parameters of the experiment.

    Raises StageError when it has none, or today's schema does not take them.
    """
    where = f"params.yaml of {experiment.name}"
    return validate(Params, parse_yaml(read_file(experiment, "params.yaml") or "", where), where)


def read_lock(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """The stages of dvc.lock by name, {} without one."""
    text = read_file(experiment, "dvc.lock")
    if text is None:
        return {}
    stages: dict[str, dict[str, Any]] = parse_yaml(text, f"dvc.lock of {experiment.name}")["stages"]
    return stages


def is_complete(experiment: Experiment, stage: str) -> bool:
    """Whether the experiment ran `stage` on the results of its own earlier stages.

    Without running it, an experiment has the results that its baseline commit has. They belong to
    it only if dvc.lock's hashes agree from the stage back to the data.
    """
    stages = read_lock(experiment)
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


def git(*arguments: str) -> str:
    """What a git command says. Raises StageError when it fails."""
    result = _run(*arguments)
    if result.returncode:
        raise StageError(f"git {arguments[0]}: {result.stderr.decode().strip()}")
    return result.stdout.decode()


def _run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], capture_output=True, check=False)
