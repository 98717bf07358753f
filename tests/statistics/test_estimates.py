"""pass@k and intervals against independent computations."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap

from ketune.statistics import bootstrap_mean, pass_at_k, wilson


@pytest.mark.parametrize(
    ("passed", "low", "high"), [(66, 36.1, 51.7), (18, 7.7, 18.1), (44, 22.5, 36.8)]
)
def test_wilson_of_the_published_counts(passed: int, low: float, high: float) -> None:
    interval = wilson(passed, 151)
    assert round(100 * interval.low, 1) == low
    assert round(100 * interval.high, 1) == high


@pytest.mark.parametrize(
    ("passed", "tasks", "percent"),
    [
        *((61, 151, 40.40), (66, 151, 43.71), (58, 151, 38.41), (49, 151, 32.45), (74, 151, 49.01)),
        *((44, 151, 29.14), (43, 151, 28.48), (34, 151, 22.52), (18, 151, 11.92), (38, 151, 25.17)),
        *((402, 796, 50.50), (257, 796, 32.29)),
    ],
)
def test_published_percentages_are_these_counts(passed: int, tasks: int, percent: float) -> None:
    interval = wilson(passed, tasks)
    assert round(100 * interval.estimate, 2) == percent
    reference = binomtest(passed, tasks).proportion_ci(0.95, method="wilson")
    assert interval[1:] == pytest.approx((reference.low, reference.high), abs=1e-12)


@given(st.integers(1, 2000), st.data())
def test_wilson_agrees_with_scipy(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    interval = wilson(successes, trials)
    assert interval.low == pytest.approx(expected.low, abs=1e-12)
    assert interval.high == pytest.approx(expected.high, abs=1e-12)
    assert interval.low <= interval.estimate <= interval.high


@given(st.integers(1, 9), st.data())
def test_pass_at_k_is_the_share_of_subsets_with_a_correct_sample(
    n: int, data: st.DataObject
) -> None:
    c = data.draw(st.integers(0, n))
    k = data.draw(st.integers(1, n))
    subsets = list(combinations([True] * c + [False] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


@pytest.mark.parametrize(("n", "c", "k"), [(1, 1, 2), (5, 6, 1), (5, -1, 1), (5, 1, 0)])
def test_pass_at_k_refuses_impossible_counts(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match="samples"):
        pass_at_k(n, c, k)


def test_bootstrap_agrees_with_scipy() -> None:
    values = [0.1 * (i % 11) for i in range(137)]
    interval = bootstrap_mean(values)
    reference = bootstrap((values,), statistic=lambda x, axis: x.mean(axis), method="percentile")
    assert interval.estimate == pytest.approx(sum(values) / len(values))
    assert interval.low == pytest.approx(reference.confidence_interval.low, abs=0.005)
    assert interval.high == pytest.approx(reference.confidence_interval.high, abs=0.005)
    assert interval == bootstrap_mean(values)
