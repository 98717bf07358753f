"""experiments.yaml: runs as changes to params.yaml, and the studies that compare them."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ketune.params import Params, flatten, load_params, read_yaml, validate
from ketune.params.profile import FULL, profile_changes
from ketune.runtime import StageError

FILE = Path("experiments.yaml")

# Names an experiment, and so a git reference.
_RunName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:[.-][a-z0-9]+)*$")]
_Text = Annotated[str, StringConstraints(min_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Run(_Section):
    """One run: `params` over params.yaml."""

    note: _Text
    params: dict[str, Any]

    def changes(self, profile: str) -> dict[str, Any]:
        """Dotted keys and values of the run at a profile; the run's own win."""
        return profile_changes(profile) | flatten(self.params)


class Study(_Section):
    """Runs to compare. `until` is the stage to reproduce; `reference` has step time 1.

    `profiles` are the scales at which the study may run; empty is any.
    """

    note: _Text
    profiles: list[_Text] = []
    until: _Text
    reference: _Text
    runs: Annotated[list[_Text], Field(min_length=1)]


class Experiments(_Section):
    """The whole file."""

    runs: dict[_RunName, Run]
    studies: dict[str, Study]

    @model_validator(mode="after")
    def _studies_name_runs(self) -> Self:
        for name, study in self.studies.items():
            if unknown := [run for run in study.runs if run not in self.runs]:
                raise ValueError(f"study {name}: no run {unknown[0]!r}; it must be one of `runs`")
            if study.reference not in study.runs:
                raise ValueError(f"study {name}: reference {study.reference!r} is not in its runs")
        return self


def load_study(name: str, root: Path = Path()) -> tuple[Study, dict[str, Run]]:
    """A study of experiments.yaml and its runs by name, in order.

    Raises StageError: no such study, or the file names a wrong key, run or type.
    """
    experiments = load_experiments(root)
    if name not in experiments.studies:
        known = ", ".join(experiments.studies)
        raise StageError(f"{FILE}: no study {name!r}; use one of: {known}")
    study = experiments.studies[name]
    return study, {run: experiments.runs[run] for run in study.runs}


def load_experiments(root: Path = Path()) -> Experiments:
    """experiments.yaml, checked for its own form; `run_params` checks the changes."""
    return validate(Experiments, read_yaml(root / FILE), str(FILE))


def run_params(study: str, name: str, run: Run, profile: str, root: Path = Path()) -> Params:
    """Effective parameters of a run. Raises StageError naming study, run and key."""
    return load_params(root, run.changes(profile), f"{FILE}: study {study}, run {name}")


def experiment_name(run: str, profile: str) -> str:
    """The name of a run's DVC experiment: the run's own at full scale, else with the profile."""
    return run if profile == FULL else f"{run}-{profile}"
