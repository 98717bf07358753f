"""The typed loader: what a user's `-S` gets told, and what a profile may do."""

import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import given, settings
from hypothesis import strategies as st

from ketune.params import load_params
from ketune.runtime import StageError

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    shutil.copytree(REPOSITORY / "profiles", tmp_path / "profiles")
    return tmp_path


def override(root: Path, *overrides: str) -> None:
    """What `dvc exp run -S` does to params.yaml."""
    apply_overrides(str(root / "params.yaml"), list(overrides))


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("lora_rank=abc", "params.yaml: lora_rank: expected a valid integer, got 'abc'"),
        ("lora_rank=-1", "params.yaml: lora_rank: expected greater than or equal to 1, got -1"),
        ("lora_rank='64'", "params.yaml: lora_rank: expected a valid integer, got '64'"),
        ("+lora_rnk=64", "params.yaml: unknown key 'lora_rnk'; check its spelling"),
        ("+data.sorce=x", "params.yaml: unknown key 'data.sorce'; check its spelling"),
        ("learning_rate=fast", "learning_rate: expected a valid number, got 'fast'"),
        ("init_weights=pisa", "'gaussian', 'pissa' or 'olora', got 'pisa'"),
        ("save_steps=30", "save_steps (30) must be a multiple of eval_steps (20)"),
        ("generation.n_samples=10", "n_samples above 1 needs a temperature above 0"),
        ("evaluation.pass_at=[1,5]", "needs generation.n_samples of at least 5, got 1"),
        ("profile=laptop", "no profile 'laptop'; use one of: full, smoke"),
        ("use_rslora=1", "use_rslora: expected a valid boolean, got 1"),
    ],
)
def test_a_bad_setting_is_one_line_naming_the_key(root: Path, setting: str, told: str) -> None:
    override(root, setting)
    with pytest.raises(StageError) as error:
        load_params(root)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-9, 1e3))
def test_floats_are_floats_however_they_are_written(value: float) -> None:
    # PyYAML would read 2e-4 and 1e-05 as strings.
    import tempfile  # noqa: PLC0415 - hypothesis does not mix with function-scoped fixtures

    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        shutil.copytree(REPOSITORY / "profiles", root / "profiles")
        text = (REPOSITORY / "params.yaml").read_text()
        for written in (repr(value), f"{value:e}", f"{value:E}"):
            text_with = text.replace("learning_rate: 2e-4", f"learning_rate: {written}")
            (root / "params.yaml").write_text(text_with)
            assert load_params(root).learning_rate == pytest.approx(value, rel=1e-6)


def test_a_profile_sets_sizes_and_leaves_the_method_alone(root: Path) -> None:
    full = load_params(root)
    override(root, "profile=smoke")
    smoke = load_params(root)
    assert smoke.model == "tests/assets/tiny-qwen3-vl"
    assert smoke.data.source == "synthetic"
    method = ["lora_rank", "lora_alpha", "lora_dropout", "use_rslora", "learning_rate", "optim"]
    method += ["weight_decay", "num_train_epochs", "warmup_steps", "target_modules", "seed"]
    for key in method:
        assert getattr(smoke, key) == getattr(full, key)


def test_what_the_user_sets_wins_over_the_profile(root: Path) -> None:
    override(root, "profile=smoke", "data.source=./rows", "lora_rank=64", "max_pixels=4096")
    params = load_params(root)
    assert (params.data.source, params.lora_rank, params.max_pixels) == ("./rows", 64, 4096)


def test_a_profile_may_not_touch_a_lora_key(root: Path) -> None:
    smoke = root / "profiles" / "smoke.yaml"
    smoke.write_text(smoke.read_text() + "lora_rank: 4\n")
    override(root, "profile=smoke")
    with pytest.raises(StageError, match=r"profiles/smoke.yaml: lora_rank: a profile may set only"):
        load_params(root)


def test_a_profile_lists_every_key(root: Path) -> None:
    smoke = root / "profiles" / "smoke.yaml"
    lines = smoke.read_text().splitlines(keepends=True)
    smoke.write_text("".join(line for line in lines if not line.startswith("max_pixels")))
    override(root, "profile=smoke")
    with pytest.raises(StageError, match="max_pixels is missing"):
        load_params(root)


def test_broken_yaml_is_one_line(root: Path) -> None:
    (root / "params.yaml").write_text("profile: [full\n")
    with pytest.raises(StageError, match="not valid YAML") as error:
        load_params(root)
    assert "\n" not in str(error.value)
