"""A study's runs as DVC experiments: one after the other, or in DVC's queue."""

import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

from dvc.repo import Repo

from ketune.params import Params, read_yaml
from ketune.params.profile import overrides
from ketune.revisions.experiments import find, head, is_complete, read_params
from ketune.runtime import StageError
from ketune.studies.definition import FILE, Run, experiment_name, load_study, run_params

_BENCHMARKS = Path("data/benchmarks")


def run_study(name: str, profile: str, stage: str | None, *, queue: bool) -> None:
    """Run, or queue, every run of a study up to `stage` (the study's own when None).

    Each is an experiment in a temporary directory, so neither the work tree nor another run's
    changes reach it. One that this commit has already, with the same parameters and as far as
    `stage`, is left alone; one that fails does not stop the others.

    Raises StageError naming the runs that failed, or whose experiment has other parameters; a
    study, profile or stage that there is not, before any run starts.
    """
    study, runs = load_study(name)
    until = study.until if stage is None else stage
    if study.profiles and profile not in study.profiles:
        raise StageError(f"study {name} is one of --profile {' or '.join(study.profiles)}")
    # All are checked before the first one starts.
    wanted = {run: run_params(name, run, runs[run], profile) for run in runs}
    for params in wanted.values():
        _check_stage(until, f"{FILE}: study {name}: until" if stage is None else "--stage", params)
    queued = _queued() if queue else set()
    failed = []
    for number, (run, params) in enumerate(wanted.items(), 1):
        experiment = experiment_name(run, profile)
        title = f"{name} {number}/{len(wanted)}: {experiment}"
        state = "queued already" if experiment in queued else _state(experiment, params, until)
        if state is not None:
            print(f"{title}: {state}", flush=True)
            continue
        print(f"{title}: {runs[run].note}", flush=True)
        if not _run_experiment(experiment, runs[run], profile, params, until, queue=queue):
            failed.append(run)
    if failed:
        raise StageError(
            f"study {name}: failed: {', '.join(failed)}; the same command goes on with them"
        )
    if queue:
        print("start them with: dvc queue start -j 1   (as many jobs as there are GPUs)")


def _check_stage(stage: str, where: str, params: Params) -> None:
    """Raise StageError where dvc.yaml has no such stage under these parameters."""
    known = [
        f"{name}{item}"
        for name, entry in read_yaml(Path("dvc.yaml"))["stages"].items()
        for item in ([f"@{key}" for key in params.baselines] if "foreach" in entry else [""])
    ]
    if stage not in known:
        raise StageError(f"{where}: no stage {stage!r}; use one of: {', '.join(known)}")


def _state(name: str, wanted: Params, until: str) -> str | None:
    """Why the experiment need not run again, None if it has to."""
    experiment = find(name)
    if experiment is None or experiment.baseline != head():
        return None
    try:
        same = read_params(experiment) == wanted
    except StageError:
        same = False
    if not same:
        raise StageError(
            f"experiment {name} has other parameters than experiments.yaml and params.yaml now; "
            f"`dvc exp rename {name} NEW` keeps it, `dvc exp remove {name}` drops it"
        )
    if is_complete(experiment, until):
        return "done already"
    # DVC's run cache gives back the stages that it finished.
    _dvc("exp", "remove", "--quiet", name)
    return None


def _run_experiment(
    name: str, run: Run, profile: str, params: Params, until: str, *, queue: bool
) -> bool:
    sets = [part for change in overrides(run.changes(profile)) for part in ("-S", change)]
    copies = []
    if any(benchmark.path for benchmark in params.benchmarks) and _BENCHMARKS.is_dir():
        copies = ["--copy-paths", str(_BENCHMARKS)]
    where = "--queue" if queue else "--temp"
    return _dvc("exp", "run", where, "--name", name, *copies, *sets, until) == 0


def _dvc(*arguments: str) -> int:
    # Stages start as `python -m …`: by this interpreter, also where its environment is inactive.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, env=os.environ | {"PATH": path}, check=False).returncode


def _queued() -> set[str]:
    with Repo() as repo:
        tasks = repo.experiments.celery_queue
        return {entry.name for entry in chain(tasks.iter_queued(), tasks.iter_active())}
