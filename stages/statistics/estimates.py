"""pass@k, the Wilson interval and the bootstrap interval of a mean."""

from collections.abc import Sequence
from math import comb, sqrt
from typing import NamedTuple

import numpy as np

Z_95 = 1.959963984540054  # the normal distribution's 97.5 % quantile


class Interval(NamedTuple):
    """An estimate with its 95 % interval, all in the estimate's unit."""

    estimate: float
    low: float
    high: float


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased estimate of pass@k from n samples of one task, c of them correct.

    1 - C(n-c, k) / C(n, k): Chen et al. 2021, "Evaluating Large Language Models Trained on Code",
    section 2.1. Exact in integers, so no product of small factors is needed.

    Raises ValueError when k is outside 1..n or c outside 0..n.
    """
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs at least {k} samples a task (k >= 1), got {n}")
    if not 0 <= c <= n:
        raise ValueError(f"{c} correct of {n} samples")
    return 1.0 - comb(n - c, k) / comb(n, k)


def wilson(successes: int, trials: int) -> Interval:
    """Wilson score interval (95 %) of a proportion: Wilson 1927, without continuity correction.

    Raises ValueError without trials or with successes outside 0..trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(f"no proportion in {successes} of {trials}")
    share = successes / trials
    denominator = 1 + Z_95**2 / trials
    centre = (share + Z_95**2 / (2 * trials)) / denominator
    half = Z_95 * sqrt(share * (1 - share) / trials + Z_95**2 / (4 * trials**2)) / denominator
    # At 0 and at 1 the bound is the share itself; rounding must not put it beside it.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return Interval(share, low, high)


def bootstrap_mean(values: Sequence[float], seed: int = 0, resamples: int = 10_000) -> Interval:
    """Percentile bootstrap interval (95 %) of a mean over tasks: Efron & Tibshirani 1993, ch. 13.

    `values` has one number a task. Raises ValueError when empty.
    """
    if len(values) == 0:
        raise ValueError("no values to average")
    array = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    for start in range(0, resamples, 500):  # bounds memory: 500 x tasks indices at a time
        count = min(500, resamples - start)
        draws = generator.integers(0, len(array), (count, len(array)))
        means[start : start + count] = array[draws].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(array.mean()), float(low), float(high))
