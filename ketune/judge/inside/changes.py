"""Changes that a call made to its arguments, on the test's own objects."""

import collections
import datetime
import enum
import functools
import numbers
import pathlib
import types
import uuid
from typing import Any

import numpy as np

from ketune.judge.inside.kinds import registry
from ketune.judge.inside.objects import Record
from ketune.judge.inside.trusted import is_special
from ketune.judge.inside.wire import Refused

TEST_MODULE = "test"  # what classes of the test's code call their module
_MAPPINGS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter)


def take_over(existing: Any, fresh: Any) -> None:
    """Give `existing` the content of `fresh`, a new object made for that. Raises Refused where it
    cannot have it."""
    if isinstance(existing, _fixed()) or getattr(existing, "mutable", True) is False:
        raise Refused(f"a change of a {type(existing).__name__}")
    if isinstance(fresh, Record):
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


@functools.cache
def _fixed() -> tuple[type, ...]:
    """What does not change, or is one object for the whole process: a library's constants are, and
    a change of theirs would be a change of what the test compares with. Qiskit says of its gates
    which are (`mutable`)."""
    import pandas as pd  # noqa: PLC0415
    from qiskit.circuit import (  # noqa: PLC0415
        Bit,
        CircuitInstruction,
        Duration,
        ParameterExpression,
        ParameterVector,
        Register,
    )
    from qiskit.circuit.classical.expr import Expr  # noqa: PLC0415

    return (
        *(types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType),
        *(enum.Enum, numbers.Number, np.generic, np.dtype, range, slice, tuple, frozenset),
        *(datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo),
        *(uuid.UUID, pathlib.PurePath, pd.Index, pd.Timestamp),
        *(Bit, Register, Duration, Expr, ParameterExpression, ParameterVector, CircuitInstruction),
    )


def _own(existing: Any, fresh: Record) -> None:
    """Of an object of the test's own class, or of one of the program's: the data."""
    own = isinstance(existing, Record) or type(existing).__module__ == TEST_MODULE
    if not own or not hasattr(existing, "__dict__"):
        raise Refused(f"a change of a {type(existing).__name__}")
    vars(existing).update(vars(fresh))


def _attributes(existing: Any, fresh: Any) -> None:
    names = [
        name
        for base in type(existing).__mro__
        for name, member in vars(base).items()
        if isinstance(member, types.MemberDescriptorType) and not is_special(name)
    ]
    if not names and not hasattr(existing, "__dict__"):
        raise Refused(f"a change of a {type(existing).__name__}")
    for name in names:
        if hasattr(fresh, name):
            setattr(existing, name, getattr(fresh, name))
    if hasattr(existing, "__dict__"):
        vars(existing).clear()
        vars(existing).update(vars(fresh))
