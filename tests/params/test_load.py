"""The typed loader: what a user's `-S` gets told."""

import itertools
import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import given, settings
from hypothesis import strategies as st

from ketune.params import flatten, load_params, read_yaml
from ketune.runtime import StageError

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
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
        ("model_revision=1234567", """-S "model_revision='…'" in the shell"""),
        ("seed=4294967296", "seed: expected less than 4294967296, got 4294967296"),
        ("+lora_rnk=64", "params.yaml: unknown key 'lora_rnk'; check its spelling"),
        ("+data.sorce=x", "params.yaml: unknown key 'data.sorce'; check its spelling"),
        ("learning_rate=fast", "learning_rate: expected a valid number, got 'fast'"),
        ("init_weights=pisa", "'gaussian', 'pissa' or 'olora', got 'pisa'"),
        ("save_steps=30", "save_steps (30) must be a multiple of eval_steps (20)"),
        ("generation.n_samples=10", "n_samples above 1 needs a temperature above 0"),
        ("evaluation.pass_at=[1,5]", "needs generation.n_samples of at least 5, got 1"),
        ("+profile=smoke", "profile is no key; `ketune profile smoke` writes"),
        ("evaluation.timeout=inf", "evaluation.timeout: expected a finite number, got inf"),
        ("lora_dropout=nan", "lora_dropout: expected a finite number, got nan"),
        (
            "evaluation.ceilings=[{benchmark:qiskit_humanevla,passing:150}]",
            "evaluation.ceilings: no benchmark 'qiskit_humanevla'; benchmarks has dataset, qiskit",
        ),
        (
            f"benchmarks=[{{name:a,path:b,md5:{'0' * 32},type:code_generation}}]",
            "-S evaluation.ceilings=[]",
        ),
        ("use_rslora=1", "use_rslora: expected a valid boolean, got 1"),
    ],
)
def test_a_bad_setting_is_one_line_naming_the_key(root: Path, setting: str, told: str) -> None:
    override(root, setting)
    with pytest.raises(StageError) as error:
        load_params(root)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


@settings(max_examples=20)
@given(st.floats(1e-9, 1e3))
def test_floats_are_floats_however_they_are_written(value: float) -> None:
    # PyYAML would read 2e-4 and 1e-05 as strings.
    import tempfile  # noqa: PLC0415 - hypothesis does not mix with function-scoped fixtures

    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        text = (REPOSITORY / "params.yaml").read_text()
        for written in (repr(value), f"{value:e}", f"{value:E}"):
            text_with = text.replace("learning_rate: 2e-4", f"learning_rate: {written}")
            (root / "params.yaml").write_text(text_with)
            assert load_params(root).learning_rate == pytest.approx(value, rel=1e-6)


def test_the_dataset_alone_needs_no_other_ceilings(root: Path) -> None:
    override(root, "benchmarks=[{name:dataset}]")
    assert load_params(root).evaluation.ceilings
    override(root, "evaluation.ceilings=[]")
    assert load_params(root).evaluation.ceilings == []


def test_no_float_may_be_infinite_or_no_number(root: Path) -> None:
    floats = [k for k, v in flatten(read_yaml(root / "params.yaml")).items() if type(v) is float]
    assert len(floats) > 15
    for key, text in itertools.product(floats, ("inf", "-inf", "nan")):
        with pytest.raises(StageError, match=f"changes: {key}: expected a finite number"):
            load_params(root, {key: float(text)})


def test_a_file_in_another_encoding_is_one_line(root: Path) -> None:
    path = root / "params.yaml"
    path.write_bytes(path.read_bytes().replace(b"# Model", b"# Mod\xe8le"))
    with pytest.raises(StageError, match=r"params\.yaml:6: not UTF-8 \(0xe8\); convert it"):
        load_params(root)


def test_broken_yaml_is_one_line(root: Path) -> None:
    (root / "params.yaml").write_text("lora_rank: [32\n")
    with pytest.raises(StageError, match="not valid YAML") as error:
        load_params(root)
    assert "\n" not in str(error.value)
