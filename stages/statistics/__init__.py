"""Estimates, intervals, tests and summaries of outcomes."""

from stages.statistics.estimates import Interval, bootstrap_mean, pass_at_k, wilson
from stages.statistics.paired import (
    ALPHA,
    detectable_mean,
    detectable_proportion,
    holm,
    mcnemar,
    sign_flip,
)
from stages.statistics.summary import pass_rates, summarise

__all__ = [
    "ALPHA",
    "Interval",
    "bootstrap_mean",
    "detectable_mean",
    "detectable_proportion",
    "holm",
    "mcnemar",
    "pass_at_k",
    "pass_rates",
    "sign_flip",
    "summarise",
    "wilson",
]
