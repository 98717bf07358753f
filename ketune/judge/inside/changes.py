"""Changes that a call made to its arguments, on the test's own objects."""

import collections
import types
from typing import Any

from ketune.judge.inside.kinds import registry
from ketune.judge.inside.objects import Record
from ketune.judge.inside.wire import Refused

_MAPPINGS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter)


def take_over(existing: Any, fresh: Any) -> None:
    """Give `existing` the content of `fresh`, a new object made for that. Raises Refused where it
    cannot have it."""
    if type(fresh) is Record:
        _own(existing, fresh)
        return
    if type(fresh) is not type(existing):
        raise Refused(f"a {type(fresh).__name__} in the place of a {type(existing).__name__}")
    kind = registry().by_class.get(type(existing))
    if type(existing) is list:
        existing[:] = fresh
    elif type(existing) in (set, *_MAPPINGS):
        existing.clear()
        existing.update(fresh)
    elif kind and kind.update:
        kind.update(existing, fresh)
    else:
        _attributes(existing, fresh)


def _own(existing: Any, fresh: Record) -> None:
    """Of an object of the test's own class: the data."""
    if not hasattr(existing, "__dict__"):
        raise Refused(f"a change of a {type(existing).__name__}")
    vars(existing).update(vars(fresh))


def _attributes(existing: Any, fresh: Any) -> None:
    names = [
        name
        for base in type(existing).__mro__
        for name, member in vars(base).items()
        if isinstance(member, types.MemberDescriptorType)
    ]
    if not names and not hasattr(existing, "__dict__"):
        raise Refused(f"a change of a {type(existing).__name__}")
    for name in names:
        if hasattr(fresh, name):
            setattr(existing, name, getattr(fresh, name))
    if hasattr(existing, "__dict__"):
        vars(existing).clear()
        vars(existing).update(vars(fresh))
