"""Two models on the same tasks: what differs, and whether the sample shows it."""

from ketune.comparison.pairs import Comparison, Row, compare
from ketune.comparison.render import as_json, as_markdown, as_text

__all__ = ["Comparison", "Row", "as_json", "as_markdown", "as_text", "compare"]
