"""The laptop-scale results that a commit holds in reference/, for clones where nothing ran.

They are text: the files of a run that git tracks, and the outcomes, which DVC would cache. A plain
`git clone` has them, a review shows what changed in them, and they survive squashed and rebased
branches, which experiments, tags and merged side branches do not.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from pathlib import Path

from dvc.repo import Repo

from ketune.paths import OUTCOMES, REFERENCE
from ketune.revisions.clones import clone_of, commit_all, run_module
from ketune.revisions.experiments import Experiment, git, is_complete, read_lock
from ketune.runtime import StageError, atomic_directory

PROFILE = "smoke"


def check(commit: str) -> None:
    """Raise StageError where the commit has no reference/, or its graph would give another."""
    with _laid_out(commit):
        pass


def restore(commit: str, name: str) -> Experiment:
    """Make experiment `name` of the commit from its reference/, with its outcomes in DVC's cache.

    Raises StageError as `check` does, and for outcomes that are not the lock's.
    """
    with _laid_out(commit) as clone:
        commit_all(clone, f"laptop-scale results of {commit[:9]}")
        git("fetch", "--quiet", str(clone), "HEAD")
        made = Experiment(name, git("rev-parse", "FETCH_HEAD").strip(), commit)
        with Repo() as here:
            for path, digest in _outcomes(made).items():
                source = clone / REFERENCE / path
                if md5(source.read_bytes()).hexdigest() != digest:
                    raise StageError(f"{REFERENCE}/{path}: not the bytes that its dvc.lock names")
                here.cache.local.add(str(source), here.fs, digest)
    for ref in git("for-each-ref", "--format=%(refname)", f"refs/exps/**/{name}").split():
        git("update-ref", "-d", ref)  # DVC takes no name that two commits have
    git("update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/{name}", made.commit)
    return made


def record(experiment: Experiment) -> int:
    """Write reference/ in the working tree from a whole run; the number of its files.

    Raises StageError: stages of the run are missing, or its outcomes are not in DVC's cache.
    """
    if not is_complete(experiment, "report"):
        raise StageError(f"{experiment.name} has no whole run of its own")
    tracked = git("ls-tree", "-r", "--name-only", "-z", experiment.commit).split("\0")
    outs = {out["path"] for stage in read_lock(experiment).values() for out in stage["outs"]}
    texts = {
        path: git("show", f"{experiment.commit}:{path}")
        for path in ("dvc.lock", *sorted(outs.intersection(tracked)))
    }
    with Repo() as here:
        for path, digest in _outcomes(experiment).items():
            cached = Path(here.cache.local.oid_to_path(digest))
            if not cached.is_file():
                raise StageError(
                    f"{path} of {experiment.name} is not in DVC's cache; `dvc pull` it"
                )
            texts[path] = cached.read_text(encoding="utf-8")
    with atomic_directory(REFERENCE) as folder:
        for path, text in texts.items():
            made = folder / path
            made.parent.mkdir(parents=True, exist_ok=True)
            made.write_text(text, encoding="utf-8", newline="")
    return len(texts)


@contextmanager
def _laid_out(commit: str) -> Iterator[Path]:
    """A clone of the commit, at laptop scale, with its recorded results where a run leaves them."""
    if not git("ls-tree", commit, f"{REFERENCE}/dvc.lock"):
        raise StageError(f"{commit[:9]} has no {REFERENCE}/; `make reference` records one")
    with clone_of(commit) as clone:
        run_module("ketune", "profile", PROFILE, clone=clone)
        for path in (clone / REFERENCE).rglob("*"):
            name = path.relative_to(clone / REFERENCE)
            if path.is_file() and OUTCOMES not in name.parents:  # outcomes are not git's
                (clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, clone / name)
        if stage := _first_stale(clone):
            raise StageError(
                f"{REFERENCE}/ of {commit[:9]} is stale: stage {stage} would run again; "
                "`make reference` records it again"
            )
        yield clone


def _first_stale(clone: Path) -> str | None:
    command = [sys.executable, "-m", "dvc", "repro", "--dry", "--allow-missing"]
    done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)
    # A stage whose inputs are missing too ends even a dry run.
    found = re.search(r"(?:Running stage|failed to reproduce) '([^']+)'", done.stdout + done.stderr)
    if found is None and done.returncode:
        raise StageError(f"`{' '.join(command[2:])}` of {REFERENCE}/: {done.stderr.strip()}")
    return found[1] if found else None


def _outcomes(experiment: Experiment) -> dict[str, str]:
    """{path: md5} of the outcomes that the run's lock names."""
    return {
        out["path"]: out["md5"]
        for stage in read_lock(experiment).values()
        for out in stage.get("outs", [])
        if OUTCOMES in Path(out["path"]).parents
    }
