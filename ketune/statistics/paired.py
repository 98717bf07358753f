"""Two runs on the same tasks: tests of their difference, and what a sample of tasks can show."""

from collections.abc import Hashable, Sequence
from itertools import product
from math import comb, sqrt
from statistics import NormalDist

import numpy as np

from ketune.statistics.estimates import Array, cluster_totals

ALPHA = 0.05
POWER = 0.8
_Z_ALPHA = NormalDist().inv_cdf(1 - ALPHA / 2)
_Z_POWER = NormalDist().inv_cdf(POWER)
_EXACT_CLUSTERS = 13  # 2^13 sign patterns are fewer than the drawn ones


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p of McNemar's test: the binomial test on the discordant pairs.

    `gained` tasks passed in B alone, `lost` in A alone. Under the null each falls either way with
    probability 1/2: McNemar 1947; Fagerland, Lydersen & Laake 2013, "The McNemar test for binary
    matched-pairs data", section 3. Without discordant pairs p is 1.
    """
    if min(gained, lost) < 0:
        raise ValueError(f"{gained} gained, {lost} lost: counts cannot be negative")
    discordant = gained + lost
    tail = sum(comb(discordant, k) for k in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / (1 << discordant))


def sign_flip(
    differences: Sequence[float],
    clusters: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    resamples: int = 20_000,
) -> float:
    """Two-sided p that paired differences have mean 0: Fisher's randomisation test.

    Under the null a cluster's differences could as well have had the other sign, all together. On
    differences of -1, 0, 1 this is McNemar's exact test; it also holds for means of several
    samples, similarities and clusters. Every pattern of signs is counted for up to 13 clusters
    that differ, else drawn, and the observed one counts as drawn (Phipson & Smyth 2010).
    """
    sums, _ = cluster_totals(differences, clusters)
    sums = sums[sums != 0]
    observed = abs(sums.sum()) * (1 - 1e-12)  # the observed pattern reaches itself despite rounding
    if len(sums) <= _EXACT_CLUSTERS:
        signs: Array = np.array(list(product((-1.0, 1.0), repeat=len(sums))))
        return float((np.abs(signs @ sums) >= observed).mean()) if len(sums) else 1.0
    generator = np.random.default_rng(seed)
    reached = 1
    for start in range(0, resamples, 500):  # bounds memory
        signs = generator.choice((-1.0, 1.0), (min(500, resamples - start), len(sums)))
        reached += int((np.abs(signs @ sums) >= observed).sum())
    return reached / (1 + resamples)


def holm(p_values: Sequence[float]) -> list[float]:
    """p values corrected for being several, in the given order: Holm 1979, step-down."""
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def detectable_proportion(tasks: int, discordance: float) -> float:
    """Smallest difference of two paired proportions that `tasks` tasks show with power 0.8.

    Solves n = (z_{1-alpha/2} sqrt(psi) + z_power sqrt(psi - delta^2))^2 / delta^2 for delta at
    two-sided alpha 0.05: Connor 1987, "Sample size for testing differences in proportions for the
    paired-sample design", Biometrics 43. psi is `discordance`, the share of tasks on which the two
    differ, observed or assumed, from 0 to 1. It is at least delta: a difference needs that many
    discordant tasks. The exact test is a little more conservative than the formula's.
    At most 1; raises ValueError without tasks.
    """
    if tasks < 1 or not 0 <= discordance <= 1:
        raise ValueError(f"{tasks} tasks with discordance {discordance}")
    low, high = 0.0, 1.0
    for _ in range(60):  # the needed number of tasks falls as delta grows
        delta = (low + high) / 2
        share = max(discordance, delta)
        root = _Z_ALPHA * sqrt(share) + _Z_POWER * sqrt(share - delta**2)
        low, high = (low, delta) if root**2 <= tasks * delta**2 else (delta, high)
    return high


def detectable_mean(
    differences: Sequence[float], clusters: Sequence[Hashable] | None = None
) -> float:
    """Smallest mean of paired differences that this sample shows with power 0.8, alpha 0.05.

    (z_{1-alpha/2} + z_power) times the standard error of the mean difference (Chow, Shao & Wang
    2008, section 3.1), which is that of cluster totals about their expectation when there are
    clusters (Cochran 1977, section 9A.1). With a single cluster it is infinite.
    """
    sums, sizes = cluster_totals(differences, clusters)
    if len(sums) == 1:
        return float("inf")
    residuals = sums - sizes * (sums.sum() / sizes.sum())
    variance = (residuals**2).sum() * len(sums) / (len(sums) - 1)
    return (_Z_ALPHA + _Z_POWER) * sqrt(float(variance)) / float(sizes.sum())
