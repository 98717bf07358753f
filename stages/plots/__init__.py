"""Small, git-tracked data files that `dvc plots` draws."""

from stages.plots.tables import write_categories, write_csv

__all__ = ["write_categories", "write_csv"]
