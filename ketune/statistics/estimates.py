"""pass@k, the Wilson interval and the bootstrap interval of a mean."""

from collections.abc import Hashable, Sequence
from math import comb, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

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


def bootstrap_mean(
    values: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    resamples: int = 10_000,
) -> Interval:
    """Percentile bootstrap interval (95 %) of a mean over tasks: Efron & Tibshirani 1993, ch. 13.

    `values` has one number a task; of paired differences it is the paired bootstrap. `clusters`
    says to what each value belongs; whole clusters are drawn then (Davison & Hinkley 1997, section
    3.8), since values of one cluster vary together. Raises ValueError when empty.
    """
    sums, sizes = cluster_totals(values, clusters)
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    for start in range(0, resamples, 500):  # bounds memory: 500 x clusters indices at a time
        count = min(500, resamples - start)
        draws = generator.integers(0, len(sums), (count, len(sums)))
        means[start : start + count] = sums[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(sums.sum() / sizes.sum()), float(low), float(high))


def cluster_totals(
    values: Sequence[float], clusters: Sequence[Hashable] | None
) -> tuple[Array, Array]:
    """(sum, size) of every cluster, in order of appearance; without clusters each value is one.

    Raises ValueError when `values` is empty.
    """
    if len(values) == 0:
        raise ValueError("no values to average")
    if clusters is None:
        return np.asarray(values, dtype=np.float64), np.ones(len(values))
    position = {cluster: index for index, cluster in enumerate(dict.fromkeys(clusters))}
    indices = [position[cluster] for cluster in clusters]
    weights = np.asarray(values, dtype=np.float64)
    sizes = np.bincount(indices).astype(np.float64)
    return np.bincount(indices, weights=weights).astype(np.float64), sizes
