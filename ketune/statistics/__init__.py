"""Estimates, intervals and paired tests."""

from ketune.statistics.estimates import Interval, bootstrap_mean, pass_at_k, wilson
from ketune.statistics.paired import (
    ALPHA,
    detectable_mean,
    detectable_proportion,
    holm,
    mcnemar,
    sign_flip,
)

__all__ = [
    "ALPHA",
    "Interval",
    "bootstrap_mean",
    "detectable_mean",
    "detectable_proportion",
    "holm",
    "mcnemar",
    "pass_at_k",
    "sign_flip",
    "wilson",
]
