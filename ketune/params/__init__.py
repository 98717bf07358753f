"""Parameters: one schema, one loader."""

from ketune.params.load import flatten, load_baseline, load_params, read_yaml, validate
from ketune.params.schema import Baseline, Benchmark, Params

__all__ = [
    "Baseline",
    "Benchmark",
    "Params",
    "flatten",
    "load_baseline",
    "load_params",
    "read_yaml",
    "validate",
]
