"""What a task's picture shows, as far as its question tells: the dataset has no column for it."""

import re

OTHER = "other"
IMAGE_TYPES = ("circuit", "histogram", "bloch_sphere", OTHER)
_KINDS = re.compile(
    r"\b(?:(?P<circuit>circuits?)|(?P<histogram>histograms?|bar (?:chart|plot|graph)s?)"
    r"|(?P<bloch_sphere>bloch))\b",
    re.IGNORECASE,
)
_PICTURE = re.compile(
    r"\b(?:images?|pictures?|figures?|diagrams?|shown|depicted|drawn|displayed|illustrated)\b",
    re.IGNORECASE,
)


def image_type(question: str) -> str:
    """circuit, histogram or bloch_sphere: the word nearest to what names the picture, else other.

    Without such a name ("the image", "shown") the first of the words counts. The data's authors
    read the answer too, and tell more kinds apart (scripts/per_image_type_breakdown.py of their
    repository): their shares are not these.
    """
    named = [(match.start(), match.end()) for match in _PICTURE.finditer(question)]
    found = [
        (min((_gap(match.span(), place) for place in named), default=0), match.start(), match)
        for match in _KINDS.finditer(question)
    ]
    return str(min(found, key=lambda one: one[:2])[2].lastgroup) if found else OTHER


def _gap(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Characters between two words."""
    return max(one[0] - other[1], other[0] - one[1])
