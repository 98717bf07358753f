"""experiments.yaml: the specification's rows, checked by the one reader of parameters."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from ketune.params import load_params
from ketune.params.profile import overrides
from ketune.runtime import StageError
from ketune.studies.definition import experiment_name, load_experiments, load_study, run_params
from ketune.studies.running import run_study

ROOT = Path(__file__).parents[2]
EXPERIMENTS = load_experiments(ROOT)
PAIRS = [(study, run) for study, found in EXPERIMENTS.studies.items() for run in found.runs]

# Rank, alpha, learning rate, weight decay, dropout, epochs, rows an update: the specification's
# tables "Configuration" and "Configurations Tested".
ROWS = {
    "lora": (16, 32, 2e-4, 0.01, 0.05, 1, 32),
    "rslora": (16, 32, 2e-4, 0.01, 0.05, 1, 32),
    "dora": (16, 32, 2e-4, 0.01, 0.05, 1, 32),
    "pissa": (16, 32, 2e-4, 0.01, 0.05, 1, 32),
    "olora": (16, 32, 2e-4, 0.01, 0.05, 1, 32),
    "rslora-frozen-aligner": (16, 32, 2e-4, 0.01, 0.05, 1, 32),
    "r32-1ep": (32, 64, 2e-4, 0.05, 0.10, 1, 32),
    "r64-1ep": (64, 128, 2e-4, 0.05, 0.10, 1, 32),
    "r32-2ep-lr2e4": (32, 64, 2e-4, 0.10, 0.15, 2, 32),
    "r32-2ep-lr1e4": (32, 32, 1e-4, 0.10, 0.15, 2, 32),
    "r128-3ep": (128, 256, 1e-4, 0.05, 0.10, 3, 64),
}
# Rank-stabilised scaling, DoRA, initialisation, frozen aligner.
VARIANTS = {
    "lora": (False, False, True, False),
    "dora": (True, True, True, False),
    "pissa": (True, False, "pissa", False),
    "olora": (True, False, "olora", False),
    "rslora-frozen-aligner": (True, False, True, True),
}
TRAIN_ROWS = 5837
STEPS = {"rslora": 183, "r32-1ep": 183, "r32-2ep-lr2e4": 366, "r128-3ep": 276}


def study_of(run: str) -> str:
    return next(study for study, name in PAIRS if name == run)


def profiles(study: str) -> list[str]:
    return EXPERIMENTS.studies[study].profiles or ["full", "smoke"]


def effective(run: str, profile: str = "full") -> Any:
    return run_params(study_of(run), run, EXPERIMENTS.runs[run], profile, ROOT)


@pytest.mark.parametrize("run", ROWS)
def test_a_run_is_the_specifications_row(run: str) -> None:
    params = effective(run)
    rows = params.per_device_train_batch_size * params.gradient_accumulation_steps
    assert ROWS[run] == (
        params.lora_rank,
        params.lora_alpha,
        params.learning_rate,
        params.weight_decay,
        params.lora_dropout,
        params.num_train_epochs,
        rows,
    )
    variant = (
        params.use_rslora,
        params.use_dora,
        params.init_weights,
        params.freeze_aligner,
    )
    assert variant == VARIANTS.get(run, (True, False, True, False))
    if run in STEPS:
        assert -(-TRAIN_ROWS // rows) * params.num_train_epochs == STEPS[run]


def test_every_run_is_in_a_study() -> None:
    assert {run for _, run in PAIRS} == set(EXPERIMENTS.runs)


@pytest.mark.parametrize("profile", ["full", "smoke"])
def test_dvc_makes_of_every_run_what_the_schema_checked(profile: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    for study, run in [pair for pair in PAIRS if profile in profiles(pair[0])]:
        definition = EXPERIMENTS.runs[run]
        shutil.copy(ROOT / "params.yaml", tmp_path)
        apply_overrides(str(tmp_path / "params.yaml"), overrides(definition.changes(profile)))
        assert load_params(tmp_path) == run_params(study, run, definition, profile, ROOT), run


def test_base_models_are_compared_at_full_scale_alone() -> None:
    """The smoke profile names the tiny model's type and template, which another base lacks."""
    with pytest.raises(StageError, match="study base_models is one of --profile full"):
        run_study("base_models", "smoke", None, queue=False)


def test_studies_end_at_stages_of_the_graph() -> None:
    stages = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")["stages"]
    for study in EXPERIMENTS.studies.values():
        assert study.until.partition("@")[0] in stages


def test_published_figures_are_of_runs_that_can_be_repeated() -> None:
    published = YAML(typ="safe", pure=True).load(ROOT / "published.yaml")
    models = {
        model
        for benchmark in published["benchmarks"].values()
        for figures in benchmark.values()
        if isinstance(figures, dict)
        for model in figures
    }
    named = set(published["runs"]) | set(published["base_models"]) | models
    assert named <= set(EXPERIMENTS.runs) | {"base", "ibm_qiskit_14b"}


def test_a_run_has_one_name_at_each_scale() -> None:
    assert experiment_name("lora", "full") == "lora"
    assert experiment_name("lora", "smoke") == "lora-smoke"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("params.yaml", "experiments.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    return tmp_path


def write(project: Path, runs: str, study: str = "reference: a\n    runs: [a]") -> None:
    (project / "experiments.yaml").write_text(
        f"runs:\n  a:\n    note: a run\n    params: {runs}\n"
        f"studies:\n  s:\n    note: a study\n    until: merge\n    {study}\n"
    )


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ("{lora_rnk: 8}", r"study s, run a: unknown key 'lora_rnk'"),
        ("{data: {sorce: x}}", r"study s, run a: unknown key 'data.sorce'"),
        ("{lora_rank: '8'}", r"study s, run a: lora_rank: expected a valid integer, got '8'"),
        ("{save_steps: 30}", r"study s, run a: save_steps \(30\) must be a multiple"),
    ],
)
def test_a_wrong_change_names_study_run_and_key(project: Path, runs: str, message: str) -> None:
    write(project, runs)
    study, found = load_study("s", project)
    with pytest.raises(StageError, match=message):
        run_params("s", study.runs[0], found["a"], "full", project)


@pytest.mark.parametrize(
    ("study", "message"),
    [
        ("reference: a\n    runs: [a, b]", r"study s: no run 'b'"),
        ("reference: b\n    runs: [a]", r"study s: reference 'b' is not in its runs"),
        ("reference: a\n    runs: [a]\n    untl: x", r"unknown key 'studies.s.untl'"),
    ],
)
def test_a_wrong_study_is_named(project: Path, study: str, message: str) -> None:
    write(project, "{}", study)
    with pytest.raises(StageError, match=message):
        load_study("s", project)


def test_an_unknown_study_names_the_known_ones() -> None:
    with pytest.raises(StageError, match=r"no study 'pfet'; use one of: peft, ranks"):
        load_study("pfet", ROOT)
