"""Estimates and intervals for pass rates and score means."""

from stages.statistics.estimates import Interval, bootstrap_mean, pass_at_k, wilson

__all__ = ["Interval", "bootstrap_mean", "pass_at_k", "wilson"]
