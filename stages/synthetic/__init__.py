"""The synthetic dataset: a seeded stream of task families, verified before it is written."""

from stages.synthetic.sample import Sample
from stages.synthetic.stream import Split, samples

__all__ = ["Sample", "Split", "samples"]
