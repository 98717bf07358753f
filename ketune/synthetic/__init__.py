"""The synthetic dataset: a seeded stream of task families, verified before it is written."""

from ketune.synthetic.sample import Sample
from ketune.synthetic.stream import Split, samples

__all__ = ["Sample", "Split", "samples"]
