import dataclasses
import math

import pytest
import torch

from ketune.merging.probes import Response
from ketune.merging.proof import Observation, Proof, Tolerance, check, compare, tolerance_of
from ketune.params import Params
from ketune.runtime import StageError
from tests.training.conftest import changed

GOOD = Proof("q_proj", 1.0001, 16, 640, 2e-6, 1.0, 0.61230001, 0.6123)


@pytest.fixture
def tolerance(full: Params) -> Tolerance:
    return tolerance_of(changed(full, torch_dtype="float32", bf16=False))


def response(*base: float, output: list[float]) -> Response:
    return Response(torch.tensor([output]), torch.tensor([list(base)]) if base else None)


def test_comparison_of_two_observations() -> None:
    first = [torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[3.0, 1.0]])]
    second = [torch.tensor([[1.0, 0.0], [1.25, 1.0]]), torch.tensor([[3.0, 0.5]])]
    adapted = {
        "a": response(1.0, 1.0, output=[3.0, 1.0]),
        "b": response(1.0, 1.0, output=[1.0, 2.0]),
        "untouched": response(1.0, 1.0, output=[1.0, 1.0]),
    }
    merged = {
        "a": response(output=[3.0, 1.0]),
        "b": response(output=[1.0, 1.5]),
        "untouched": response(output=[1.0, 1.0]),
    }
    proof = compare(Observation(0.5, first, adapted), Observation(0.75, second, merged))
    assert proof == Proof("b", 0.5, 2, 3, 1.25, 2 / 3, 0.5, 0.75)


def test_an_equal_merge_passes(tolerance: Tolerance) -> None:
    check(GOOD, 0.6123, tolerance)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"adapter_share": 0.9}, "q_proj has 0.9 of the adapter"),
        ({"adapter_share": math.nan}, "q_proj has nan of the adapter"),
        ({"largest_logit_difference": 0.1}, "a logit differs by 0.1"),
        ({"largest_logit_difference": math.nan}, "a logit differs by nan"),
        ({"top1_agreement": 0.9}, "90.00% of top tokens agree"),
        ({"merged_eval_loss": 0.7}, "0.7 merged"),
        ({"merged_eval_loss": math.nan}, "nan merged"),
        ({"adapter_eval_loss": 0.7}, "0.7 with the adapter on its base"),
    ],
)
def test_every_figure_beyond_its_tolerance_fails(
    change: dict[str, float], message: str, tolerance: Tolerance
) -> None:
    with pytest.raises(StageError, match=message):
        check(dataclasses.replace(GOOD, **change), 0.6123, tolerance)  # type: ignore[arg-type]


def test_a_loss_other_than_the_trained_one_fails(tolerance: Tolerance) -> None:
    with pytest.raises(StageError, match=r"0\.7 as trained"):
        check(GOOD, 0.7, tolerance)


def test_only_a_base_that_was_rounded_anew_may_differ_from_training(full: Params) -> None:
    """PiSSA and OLoRA in bfloat16, and by less than what their bare A and B would do."""
    rounded = tolerance_of(changed(full, init_weights="pissa"))
    check(GOOD, 0.75, rounded)
    for params in (full, changed(full, init_weights="pissa", torch_dtype="float32", bf16=False)):
        with pytest.raises(StageError, match="as trained"):
            check(GOOD, 0.75, tolerance_of(params))
    with pytest.raises(StageError, match="as trained"):
        check(GOOD, 1.0, rounded)
