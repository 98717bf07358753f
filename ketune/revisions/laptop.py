"""Results of a commit at laptop scale, as a DVC experiment of this repository."""

import sys

from ketune.revisions.clones import clone_of, run_module
from ketune.revisions.experiments import Experiment, find, git, is_complete
from ketune.revisions.reference import PROFILE, restore
from ketune.runtime import StageError


def laptop_run(commit: str) -> Experiment | None:
    """The finished experiment of a commit: made before, or its fresh reference/. Else None."""
    found = find(_name(commit))
    if found and found.baseline == commit and is_complete(found, "report"):
        return found
    try:
        return restore(commit, _name(commit))
    except StageError as error:
        print(f"note: {error}", file=sys.stderr)
        return None


def make_laptop_run(commit: str) -> Experiment:
    """Run the commit's own graph at laptop scale, in a clone, and keep the experiment here.

    Stages that ran before on the same inputs come from this repository's run cache.

    Raises StageError when the graph fails.
    """
    with clone_of(commit) as clone:
        flags = run_module("ketune", "profile", PROFILE, "--flags", clone=clone).split()
        name = _name(commit)
        run_module("dvc", "exp", "run", "--name", name, *flags, clone=clone, quiet=False)
        git("fetch", "--quiet", str(clone), "+refs/exps/*:refs/exps/*")
    made = find(name)
    if made is None or not is_complete(made, "report"):
        raise StageError(f"{commit[:9]}: the run left no results of its stages")
    return made


def _name(commit: str) -> str:
    return f"{PROFILE}-{commit[:9]}"
