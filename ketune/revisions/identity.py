"""What two runs must share for a figure of one to mean the same as a figure of the other.

The names are among DVC's metrics. Models and training data may differ: they are what is compared.
"""

from collections.abc import Mapping
from typing import Any

_SHARED = ("profile", "benchmark_set")


def unlike(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Why figures do not compare: "NAME: a's -> b's" of each metric that must be the same."""
    return [f"{name}: {a[name]} -> {b[name]}" for name in _SHARED if _differ(a, b, name)]


def other_judge(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    """A caution where two judges gave the verdicts, "" for one."""
    if not _differ(a, b, "judge"):
        return ""
    return f"two judges gave the verdicts ({a['judge']} -> {b['judge']}): they may be what differs"


def _differ(a: Mapping[str, Any], b: Mapping[str, Any], name: str) -> bool:
    return name in a and name in b and a[name] != b[name]
