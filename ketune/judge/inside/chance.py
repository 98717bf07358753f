"""The same random numbers in every run, of libraries that would ask the machine for a seed.

NumPy's `default_rng` and Aer, when they are given no seed, get the next one of a series that begins
anew in every process: two runs within a program differ, and the same program has the same verdict
tomorrow. `random` and NumPy's older functions have a state to be seeded, which `template` does.
"""

import functools
import random
from typing import Any

import numpy as np

_SERIES = random.Random(0)


def restart() -> None:
    """Begin the series anew."""
    _SERIES.seed(0)


def seed_numpy() -> None:
    """Seed `numpy.random.default_rng()`. To be called before others import it by name."""
    original = np.random.default_rng

    @functools.wraps(original)
    def default_rng(seed: Any = None) -> np.random.Generator:
        return original(_SERIES.getrandbits(64) if seed is None else seed)

    np.random.default_rng = default_rng


def seed_aer() -> None:
    """Seed runs of Aer's simulators for which no `seed_simulator` is set."""
    from qiskit_aer.backends import aer_compiler  # noqa: PLC0415

    original = aer_compiler.AerConfig

    def configuration() -> Any:
        made = original()
        made.seed_simulator = _SERIES.getrandbits(31)
        return made

    # What a run sets itself is put into the configuration afterwards.
    aer_compiler.AerConfig = configuration
