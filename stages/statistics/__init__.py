"""Estimates, intervals and summaries of outcomes."""

from stages.statistics.estimates import Interval, bootstrap_mean, pass_at_k, wilson
from stages.statistics.summary import pass_rates, summarise

__all__ = ["Interval", "bootstrap_mean", "pass_at_k", "pass_rates", "summarise", "wilson"]
