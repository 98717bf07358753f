"""Objects of classes that exist in one process alone, as the other sees them."""

import collections
import functools
import keyword
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ketune.judge.inside.opaque import SPECIAL, Unjudgeable
from ketune.judge.inside.wire import Refused


@dataclass(frozen=True)
class Origin:
    """What an object stands for that arrived as something else: its class's name, the full names of
    that and its bases; attributes, and operators, that its class has beside the data; a call for
    its texts, by the name of the function and its further arguments. `data` is as it arrived."""

    value: Any
    name: str
    bases: frozenset[str]
    report: Callable[[str], None]
    own: frozenset[str] = frozenset()
    shown: Callable[..., Any] | None = None
    data: dict[str, Any] = field(default_factory=dict)

    def refuse(self, what: str) -> NoReturn:
        """Raise Unjudgeable."""
        whole = f"{what} of the class {self.name}"
        self.report(whole)
        raise Unjudgeable(whole)


# By address, and each with its object, so that a record's own attributes are the data alone.
_ORIGINS: dict[int, Origin] = {}


def origin_of(value: object) -> Origin | None:
    """What `value` stands for, None where it is what it is."""
    found = _ORIGINS.get(id(value))
    return found if found is not None and found.value is value else None


def remember(origin: Origin) -> None:
    """Keep it for as long as this process lives."""
    _ORIGINS[id(origin.value)] = origin


class Record(types.SimpleNamespace):
    """The data of an object of the other side's own class.

    It compares and hashes as its data does, and its texts are the other side's. What the class
    defines beside that, as methods, properties and operators, is not there: using it raises
    Unjudgeable.
    """

    def __getattr__(self, name: str) -> Any:
        origin = _origin(self)
        special = name.startswith("__")
        if not special and not origin.own.isdisjoint((name, "__getattr__")):
            origin.refuse(name)
        raise AttributeError(f"{origin.name!r} object has no attribute {name!r}")

    def __hash__(self) -> int:  # type: ignore[override]
        return hash((_origin(self).name, tuple(sorted(vars(self).items()))))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Record)
            and _origin(self).name == _origin(other).name
            and vars(self) == vars(other)
        )

    def __repr__(self) -> str:
        return self._shown("repr")

    def __str__(self) -> str:
        return self._shown("str")

    def __format__(self, form: str) -> str:
        return self._shown("format", form)

    def _shown(self, how: str, *arguments: str) -> str:
        origin = _origin(self)
        if origin.shown is None or vars(self) != origin.data:
            origin.refuse(f"{how}()")
        text = origin.shown(how, *arguments)
        if type(text) is not str:
            raise Refused(f"a {type(text).__name__} for a text")
        return text


def _origin(value: Record) -> Origin:
    return origin_of(value) or Origin(value, "Record", frozenset(), lambda _: None)


# Operators of a program's class that are not judged; texts and hashes are a record's own.
OPERATORS = frozenset(f"__{name}__" for name in SPECIAL) - {
    *("__call__", "__hash__", "__repr__", "__str__", "__format__", "__reduce_ex__", "__dir__"),
    *("__copy__", "__deepcopy__"),
}


@functools.cache
def record_class(operators: frozenset[str]) -> type[Record]:
    """Records of a class that defines these operators: using one raises Unjudgeable."""
    members = {name: functools.partialmethod(_refuse, name) for name in operators}
    return type("Record", (Record,), members | {"__hash__": Record.__hash__})


def _refuse(value: Record, name: str, *_: object, **__: object) -> NoReturn:
    _origin(value).refuse(name)


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
