"""Verdicts of the judge on completions."""
