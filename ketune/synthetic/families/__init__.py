"""All task families, in two tiers: see `core` for the stream's start, `wide` for the rest."""

from ketune.synthetic.families.core import CORE
from ketune.synthetic.families.wide import WIDE

FAMILIES = {family.name: family for tier in (CORE, WIDE) for family in tier.families}

__all__ = ["CORE", "FAMILIES", "WIDE"]
