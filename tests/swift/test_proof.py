import dataclasses
import math

import pytest
import torch

from stages.runtime import StageError
from stages.swift.proof import TOLERANCES, Observation, Proof, check, compare

GOOD = Proof(16, 640, 2e-6, 1.0, 0.61230001, 0.6123)
TOLERANCE = TOLERANCES["float32"]


def test_comparison_of_two_observations() -> None:
    first = [torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[3.0, 1.0]])]
    second = [torch.tensor([[1.0, 0.0], [1.25, 1.0]]), torch.tensor([[3.0, 0.5]])]
    proof = compare(Observation(0.5, first), Observation(0.75, second))
    assert proof == Proof(2, 3, 1.25, 2 / 3, 0.5, 0.75)


def test_an_equal_merge_passes() -> None:
    check(GOOD, 0.6123, TOLERANCE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"largest_logit_difference": 0.1}, "a logit differs by 0.1"),
        ({"largest_logit_difference": math.nan}, "a logit differs by nan"),
        ({"top1_agreement": 0.9}, "90.00% of top tokens agree"),
        ({"merged_eval_loss": 0.7}, "0.7 merged"),
        ({"merged_eval_loss": math.nan}, "nan merged"),
        ({"adapter_eval_loss": 0.7}, "0.7 with the adapter on its base"),
    ],
)
def test_every_figure_beyond_its_tolerance_fails(change: dict[str, float], message: str) -> None:
    with pytest.raises(StageError, match=message):
        check(dataclasses.replace(GOOD, **change), 0.6123, TOLERANCE)  # type: ignore[arg-type]


def test_a_loss_other_than_the_trained_one_fails() -> None:
    with pytest.raises(StageError, match=r"0\.7 as trained"):
        check(GOOD, 0.7, TOLERANCE)
