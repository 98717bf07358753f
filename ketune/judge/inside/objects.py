"""Objects of classes that exist in one process alone, as the other sees them."""

import collections
import functools
import keyword
import types
from collections.abc import Callable, Sequence
from typing import Any

from ketune.judge.inside.opaque import Unjudgeable


class Record(types.SimpleNamespace):
    """The data of an object of the other side's own class.

    It compares and hashes as its data does. What the class defines beside the data, as methods and
    properties, is not there: asking for it raises Unjudgeable rather than AttributeError.
    """

    def __getattr__(self, name: str) -> Any:
        details = _DETAILS.get(id(self))
        if details is None or name not in details[2]:
            raise AttributeError(f"{self!r} has no attribute {name!r}")
        what = f"{name} of the program's own class {details[1]}"
        details[3](what)
        raise Unjudgeable(what)

    def __hash__(self) -> int:  # type: ignore[override]
        return hash((type_name(self), tuple(sorted(vars(self).items()))))

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is Record
            and type_name(self) == type_name(other)
            and vars(self) == vars(other)
        )

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type_name(self)}({inner})"


# By address, and each with its record, so that a record's own attributes are the data alone.
_DETAILS: dict[int, tuple[Record, str, frozenset[str], Callable[[str], None]]] = {}


def record(name: str, own: frozenset[str], report: Callable[[str], None]) -> Record:
    """An empty record of an object of class `name`, which has attributes `own` beside its data."""
    made = Record()
    _DETAILS[id(made)] = (made, name, own, report)
    return made


def type_name(value: Record) -> str:
    """Name of the class that it stands for."""
    details = _DETAILS.get(id(value))
    return details[1] if details else "Record"


def double(name: str, methods: dict[str, Callable[..., Any]]) -> Any:
    """An object of the test's own class, for the program: its methods are calls of the test's."""
    calls = {key: staticmethod(call) for key, call in methods.items()}
    special = {key: _special(call) for key, call in methods.items() if key.startswith("__")}
    return type(name, (), calls | special)()


def _special(call: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _, *arguments: call(*arguments)


def named_tuple(name: str, fields: tuple[str, ...], values: Sequence[Any]) -> Any:
    """A tuple whose class, made for it, has these fields. Raises ValueError for unusable names."""
    return _named_tuple_class(name, fields)(*values)


@functools.cache
def _named_tuple_class(name: str, fields: tuple[str, ...]) -> Any:
    usable = name.isidentifier() and not keyword.iskeyword(name)
    return collections.namedtuple(name if usable else "Record", fields)
