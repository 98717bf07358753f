"""What two runs must share for a figure of one to mean the same as a figure of the other."""

from collections.abc import Mapping
from typing import Any

# Names among DVC's metrics. Models and training data may differ: they are what is compared.
_SHARED = ("profile", "benchmarks", "judge")


def unlike(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Why figures do not compare: "NAME: a's -> b's" of each metric that must be the same."""
    return [f"{name}: {a[name]} -> {b[name]}" for name in _SHARED if _differ(a, b, name)]


def _differ(a: Mapping[str, Any], b: Mapping[str, Any], name: str) -> bool:
    return name in a and name in b and a[name] != b[name]
