"""What `ketune plan -S` and `ketune doctor -S` read is what `dvc exp run -S` would run."""

from pathlib import Path

import pytest

from ketune.params import load_params
from ketune.params.override import overridden_params
from ketune.runtime import StageError

ROOT = Path(__file__).parents[2]


def test_changes_are_laid_over_the_file_which_stays_as_it_is() -> None:
    before = (ROOT / "params.yaml").read_bytes()
    changes = ["lora_rank=64", "learning_rate=1e-5", "baselines=[base,ibm]", "data.seed=7"]
    params = overridden_params(changes, ROOT)
    assert (params.lora_rank, params.learning_rate, params.data.seed) == (64, 1e-5, 7)
    assert params.baselines == ["base", "ibm"]
    assert (ROOT / "params.yaml").read_bytes() == before
    assert overridden_params([], ROOT) == load_params(ROOT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("lora_rnk=64", r"^-S lora_rnk=64: .*lora_rnk.* write it as KEY=VALUE$"),
        ("lora_rank", r"^-S lora_rank: "),
        ("lora_rank=many", r"^params.yaml: lora_rank: expected a valid integer, got 'many'$"),
    ],
)
def test_a_change_that_cannot_be_is_named(change: str, message: str) -> None:
    with pytest.raises(StageError, match=message):
        overridden_params([change], ROOT)
