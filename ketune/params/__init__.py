"""Parameters: one schema, one loader, and the profiles that change what stands in params.yaml."""

from ketune.params.load import flatten, load_params, parse_yaml, read_yaml, validate
from ketune.params.schema import Baseline, Benchmark, Params

__all__ = [
    "Baseline",
    "Benchmark",
    "Params",
    "flatten",
    "load_params",
    "parse_yaml",
    "read_yaml",
    "validate",
]
