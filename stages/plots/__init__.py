"""Small, git-tracked data files that `dvc plots` draws."""

from stages.plots.slices import write_slices

__all__ = ["write_slices"]
