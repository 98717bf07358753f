"""All task families, in two tiers: see `tiers`."""

from ketune.synthetic.families.tiers import CORE, FAMILIES, WIDE

__all__ = ["CORE", "FAMILIES", "WIDE"]
