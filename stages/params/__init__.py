"""Parameters: one schema, one loader."""

from stages.params.load import flatten, load_params
from stages.params.schema import Benchmark, Params

__all__ = ["Benchmark", "Params", "flatten", "load_params"]
