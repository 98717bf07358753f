"""Paired tests against scipy, and what they say at the edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ketune.statistics import (
    bootstrap_mean,
    detectable_mean,
    detectable_proportion,
    holm,
    mcnemar,
    sign_flip,
)

counts = st.integers(0, 300)
tables = st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=2, max_size=120)


@given(counts, counts)
def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs(gained: int, lost: int) -> None:
    pairs = gained + lost
    expected = stats.binomtest(gained, pairs, 0.5).pvalue if pairs else 1.0
    assert mcnemar(gained, lost) == pytest.approx(expected, rel=1e-9)
    assert mcnemar(gained, lost) == mcnemar(lost, gained)


@settings(max_examples=15)
@given(tables)
def test_the_difference_agrees_with_scipys_bootstrap(differences: list[float]) -> None:
    found = bootstrap_mean(differences)
    assert found.estimate == pytest.approx(np.mean(differences))
    if len(set(differences)) > 1:
        peer = stats.bootstrap(
            (np.array(differences),), np.mean, method="percentile", n_resamples=9999, rng=1
        ).confidence_interval
        tolerance = 0.1 * (peer.high - peer.low) + 1 / len(differences)
        assert found.low == pytest.approx(peer.low, abs=tolerance)
        assert found.high == pytest.approx(peer.high, abs=tolerance)


@settings(max_examples=15)
@given(tables)
def test_sign_flips_agree_with_scipys_permutation_test(differences: list[float]) -> None:
    peer = stats.permutation_test(
        (np.array(differences), np.zeros(len(differences))),
        lambda x, y: np.mean(x - y),
        permutation_type="samples",
        n_resamples=9999,
        rng=1,
    ).pvalue
    p = sign_flip(differences)
    assert p == pytest.approx(peer, abs=0.03)


def test_a_cluster_counts_as_one_draw() -> None:
    values = [float(i % 2) for i in range(100)]
    alone = bootstrap_mean(values)
    twice = bootstrap_mean(values * 2, list(range(100)) * 2)
    assert twice == pytest.approx(alone)
    apart = bootstrap_mean(values * 2)
    assert apart.high - apart.low < 0.8 * (twice.high - twice.low)
    assert sign_flip([1.0] * 10, [i % 5 for i in range(10)]) == pytest.approx(2 / 2**5)
    assert sign_flip([1.0] * 10) == pytest.approx(2 / 2**10)


@settings(max_examples=10)
@given(st.integers(30, 300), st.floats(0.05, 0.5))
def test_the_detectable_mean_is_detected_in_four_of_five(tasks: int, spread: float) -> None:
    generator = np.random.default_rng(0)
    differences = generator.normal(0.0, spread, tasks)
    shift = detectable_mean(list(differences))
    draws = generator.normal(shift, differences.std(ddof=1), (400, tasks))
    shown = (stats.ttest_1samp(draws, 0.0, axis=1).pvalue < 0.05).sum()
    assert 0.7 < shown / 400 < 0.9


def test_holm_adjusts_in_steps_and_never_reverses() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@settings(max_examples=25)
@given(st.integers(60, 1500), st.floats(0.1, 0.5))
def test_the_detectable_difference_is_detected_in_four_of_five(tasks: int, share: float) -> None:
    difference = detectable_proportion(tasks, share)
    if difference >= share:  # all changes one way: no table of this discordance
        return
    generator = np.random.default_rng(0)
    better, worse = (share + difference) / 2, (share - difference) / 2
    draws = generator.multinomial(tasks, [better, worse, 1 - share], 400)
    shown = sum(mcnemar(int(gained), int(lost)) < 0.05 for gained, lost, _ in draws)
    assert 0.68 < shown / 400 < 0.9  # the exact test is a little less powerful than the formula


def test_a_small_sample_cannot_show_the_published_gap_of_one_point() -> None:
    # 43 and 44 of 151 tasks: whatever the discordance, 0.7 points are out of reach.
    assert all(detectable_proportion(151, share) > 0.03 for share in (0.0, 0.01, 0.1, 0.3, 0.5))
    assert detectable_proportion(151, 0.2) == pytest.approx(0.1018, abs=0.001)


@pytest.mark.parametrize(
    "call",
    [
        lambda: mcnemar(-1, 0),
        lambda: bootstrap_mean([]),
        lambda: sign_flip([]),
        lambda: detectable_proportion(0, 0.1),
        lambda: detectable_proportion(10, 1.5),
    ],
)
def test_what_cannot_be_answered_is_refused(call: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        call()  # type: ignore[operator]
