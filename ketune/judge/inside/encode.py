"""Takes values apart into trees that `wire` can write, for `decode` to make again elsewhere.

A node is None, a bool, int, float or str, or a list whose first item is its tag. Containers and
functions are dealt with here, objects by the function of their type (`kinds`). What is on no list
stays behind: a handle crosses in its place (`opaque`).
"""

import asyncio
import dataclasses
import functools
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ketune.judge.inside import trusted
from ketune.judge.inside.iterators import ENDING, LAZY, Source
from ketune.judge.inside.kinds import Kind, registry
from ketune.judge.inside.objects import OPERATORS, Record
from ketune.judge.inside.opaque import Opaque, handle_of
from ketune.judge.inside.wire import Node

_SMALL = 1 << 63
_FUNCTIONS = (
    *(types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial),
    type(functools.lru_cache(len)),
    *(np.ufunc, type(np.mean)),
)
_EMPTY: dict[str, str] = {}
_VIEWS = {
    type(_EMPTY.keys()): "keys",
    type(_EMPTY.values()): "values",
    type(_EMPTY.items()): "items",
}
_TEXTS: dict[str, Callable[..., str]] = {"str": str, "repr": repr, "format": format}
_GENERATED = "<string>"  # where code that `dataclasses` writes comes from


class Unencodable(Exception):
    """A value has no meaning outside its process. One line: its type."""


class Encoder:
    """Encodes the values of one message, which may share objects.

    `export` keeps an object and returns its handle; `home` tells the handle that a stub of the
    other side's object stands for, None for another object; `passed` are objects that the other
    side holds already, encoded as their position. `open`: the other side may run whatever it gets,
    so objects of unknown classes cross with their methods.
    """

    def __init__(
        self,
        export: Callable[[Any], int],
        home: Callable[[object], int | None],
        passed: Sequence[object] = (),
        *,
        open_: bool = False,
    ) -> None:
        self.export, self.home, self.open = export, home, open_
        self.passed = {id(value): position for position, value in enumerate(passed)}
        self.seen: dict[int, int] = {}
        self.kept: list[object] = []  # an address is only an identity while its object lives
        self.blocks: list[bytes] = []
        self.within = 0  # objects whose parts are being taken
        self.bits: dict[object, int] = {}  # equal ones are one and the same

    def encode(self, value: Any, *, afresh: bool = False) -> Node:
        """The node of `value`, of a handle where it cannot cross; `afresh` takes a passed object
        apart all the same."""
        kept, blocks = len(self.kept), len(self.blocks)
        try:
            return self.part(value, afresh=afresh)
        except Unencodable as error:
            # What else was numbered meanwhile is in no node.
            for lost in self.kept[kept:]:
                self.seen.pop(id(lost), None)
            del self.blocks[blocks:]
            self.bits = {bit: number for bit, number in self.bits.items() if number < kept}
            return ["opaque", self.export(value), str(error)]

    def part(self, value: Any, *, afresh: bool = False) -> Node:  # noqa: PLR0911, PLR0912
        """As `encode`. Raises Unencodable where it cannot cross."""
        cls = type(value)
        if cls in _ATOMS:
            return value
        if cls is int:
            return value if -_SMALL < value < _SMALL else ["int", hex(value)]
        if cls is Opaque:
            return ["home", handle_of(value)]
        if issubclass(cls, Record) and (handle := self.home(value)) is not None:
            return ["home", handle]
        if not afresh and (position := self.passed.get(id(value))) is not None:
            return ["passed", position]
        if (number := self.seen.get(id(value))) is not None:
            return ["seen", number]
        if cls is complex:
            return ["complex", value.real, value.imag]
        if cls is bytes:
            return ["bytes", self.block(value)]
        if isinstance(value, type):
            return self._class(value)
        if cls is types.ModuleType:
            if self.open:
                return ["module", value.__name__]
            raise Unencodable(f"the module {value.__name__}")
        if cls is types.CoroutineType:
            return ["coroutine", self.export(functools.partial(asyncio.run, value))]
        if cls in _FUNCTIONS:
            return self._function(value)
        number = len(self.kept)
        # A circuit makes its bits anew each time it is asked for them.
        if cls in registry().bits and (known := self.bits.setdefault(value, number)) != number:
            return ["seen", known]
        self.seen[id(value)] = number
        self.kept.append(value)
        node = self._compound(value, number)
        if type(node) is not list or node[0] in {"function", "home"}:
            del self.seen[id(value)]  # nothing in the node bears the number
        return node

    def parts(self, values: Any) -> list[Node]:
        """Nodes of several values. Raises Unencodable."""
        return [self.part(value) for value in values]

    def block(self, data: bytes) -> int:
        """Where raw bytes stand in the message."""
        self.blocks.append(data)
        return len(self.blocks) - 1

    def array(self, array: Any) -> list[Node]:
        """Type, shape and bytes of an array. Raises Unencodable for one of objects."""
        array = np.asarray(array)
        if array.dtype.hasobject or array.dtype.metadata:
            raise Unencodable("an array of Python objects")
        kind = array.dtype.str if array.dtype.names is None else _fields(array.dtype)
        return [kind, list(array.shape), self.block(array.tobytes())]

    def _compound(self, value: Any, number: int) -> Node:  # noqa: PLR0911
        cls = type(value)
        if cls in {list, tuple, set, frozenset}:
            return [cls.__name__, number, [self.encode(item) for item in value]]
        if cls is dict or cls is types.MappingProxyType:
            return ["dict", number, self.pairs(value)]
        if isinstance(value, np.ma.MaskedArray):
            raise Unencodable("a masked array")
        if kind := registry().by_class.get(cls):
            node = self._object(kind, value, number)
            return ["as", *_origin(cls), node] if kind.results else node
        if cls in ENDING:
            return ["iterator", number, [self.encode(item) for item in value]]
        if cls in LAZY and not self.within:
            return ["lazy", number, self.export(Source(value))]
        if cls in _VIEWS:
            return ["view", number, _VIEWS[cls], [self.encode(item) for item in value]]
        return self._foreign(value, number)

    def _object(self, kind: Kind, value: Any, number: int) -> Node:
        self.within += 1
        try:
            return [kind.tag, number, *kind.take(value, self)]
        except (AttributeError, TypeError, ValueError, KeyError, IndexError) as error:
            raise Unencodable(f"{kind.tag}: {error}") from None
        finally:
            self.within -= 1

    def pairs(self, mapping: Mapping[Any, Any]) -> list[Node]:
        """Nodes of the keys and values of a mapping."""
        return [[self.encode(key), self.encode(value)] for key, value in mapping.items()]

    def _class(self, cls: type) -> Node:
        if trusted.is_plain(cls) or (self.open and trusted.is_importable(cls)):
            return ["class", cls.__module__, cls.__qualname__]
        if trusted.is_importable(cls):
            raise Unencodable(f"the class {cls.__qualname__}")
        return self._exported(cls, cls.__name__)

    def _function(self, function: Any) -> Node:
        if (handle := self.home(function)) is not None:
            return ["home", handle]
        return self._exported(function, str(getattr(function, "__name__", "function")))

    def _exported(self, function: Any, name: str) -> Node:
        if self.within:
            raise Unencodable(f"the function {name} in an object")
        return ["function", self.export(function), name, self._signature(function)]

    def _signature(self, function: Any) -> Node:
        """What it returns and its parameters: name, kind, annotation and default, each of those two
        an empty list where there is none. None where Python cannot tell."""
        try:
            told = inspect.signature(function)
        except Exception:  # what a program's class may raise
            return None
        return [
            self._noted(told.return_annotation, "an annotation"),
            [
                [
                    parameter.name,
                    int(parameter.kind),
                    self._noted(parameter.annotation, "an annotation"),
                    self._noted(parameter.default, f"the default of {parameter.name}"),
                ]
                for parameter in told.parameters.values()
            ],
        ]

    def _noted(self, value: Any, what: str) -> list[Node]:
        if value is inspect.Parameter.empty:
            return []
        plain_class = isinstance(value, type) and trusted.is_plain(value)
        if type(value) in _ATOMS or type(value) is int or plain_class:
            return [self.encode(value)]
        return [["opaque", self.export(value), what]]

    def _foreign(self, value: Any, number: int) -> Node:  # noqa: PLR0911
        """An object of a class that is on no list: as its nearest base on one, or as data."""
        cls = type(value)
        for base in cls.__mro__[1:-1]:
            if base in _BASES:
                return self.part(_BASES[base](value))
            if base is tuple and hasattr(cls, "_fields"):
                names = [str(name) for name in value._fields]
                return ["namedtuple", number, cls.__name__, names, [self.encode(i) for i in value]]
            if base in {list, tuple, set, frozenset}:
                items = [self.encode(item) for item in base.__iter__(value)]
                return ["as", *_origin(cls), [base.__name__, number, items]]
            if base is dict:
                pairs = self.pairs(dict(dict.items(value)))
                return ["as", *_origin(cls), ["dict", number, pairs]]
            kind = registry().by_class.get(base)
            if kind and not _defines(cls, base, kind.unless):
                node = self._object(kind, value, number)
                return node if kind.stand_in else ["as", *_origin(cls), node]
        if trusted.is_importable(cls):
            raise Unencodable(cls.__qualname__)
        if callable(value) and not self.open:
            return self._exported(value, cls.__name__)
        return self._record(value, number)

    def _record(self, value: Any, number: int) -> Node:
        cls = type(value)
        attributes = dict(getattr(value, "__dict__", {}))
        for base in cls.__mro__:
            names = vars(base).get("__slots__", ())
            for name in (names,) if isinstance(names, str) else names:
                if hasattr(value, name):
                    attributes[name] = getattr(value, name)
        if not attributes and not hasattr(value, "__dict__"):
            raise Unencodable(cls.__name__)
        if dataclasses.is_dataclass(value):  # in the order of its fields
            order = [field.name for field in dataclasses.fields(value) if field.name in attributes]
            attributes = {name: attributes[name] for name in order} | attributes
        elif hasattr(value, "_value_"):  # an enum's member
            attributes = {"name": value._name_, "value": value._value_}
        data = {
            str(name): item
            for name, item in attributes.items()
            if not trusted.is_behaviour(item) and not trusted.is_special(str(name))
        }
        # What it has and does not cross, its functions too: their use is no fault of the answer.
        names = {*dir(cls), *map(str, attributes)}
        own = [name for name in sorted(names - data.keys()) if not trusted.is_special(name)]
        own += [name for name in sorted({*OPERATORS, "__getattr__"}) if _overrides(cls, name)]
        methods: list[Node] = []
        if self.open:
            methods = [
                [name, self.export(getattr(value, name))]
                for name in dir(value)
                if (not trusted.is_special(name) or name in trusted.OPERATORS)
                and callable(getattr(value, name, None))
                and not hasattr(object, name)
            ]
        shown = self.export(functools.partial(_shown, value))
        handles = [self.export(value), shown]
        return ["record", number, *_origin(cls), self.pairs(data), own, methods, handles]


_ATOMS = frozenset({type(None), bool, float, str})
# What a subclass of a plain type holds, past whatever it overrides.
_BASES: dict[type, Callable[[Any], Any]] = {
    bool: lambda value: bool(int.__int__(value)),
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    complex: complex.__complex__,
}


def _defines(cls: type, base: type, names: Sequence[str]) -> bool:
    """Whether the class, or one between it and `base`, defines one of the names."""
    own = cls.__mro__[: cls.__mro__.index(base)]
    return any(name in vars(between) for between in own for name in names)


def _origin(cls: type) -> list[Node]:
    """The name of a class, and the full names of it and its bases."""
    names = [f"{base.__module__}.{base.__qualname__}" for base in cls.__mro__[:-1]]
    return [cls.__name__, names]


def _overrides(cls: type, name: str) -> bool:
    """Whether a class defines an operator; equality as `dataclasses` write it is that of data."""
    found = next((vars(base)[name] for base in cls.__mro__[:-1] if name in vars(base)), None)
    written = getattr(getattr(found, "__code__", None), "co_filename", "") == _GENERATED
    return found is not None and not (written and name == "__eq__")


def _shown(value: Any, how: str, *arguments: str) -> str:
    text: str = _TEXTS[how](value, *arguments)
    return text


def _fields(dtype: Any) -> list[Node]:
    """Fields of a structured dtype, each a name, a type, the offset and a title, and the size of
    all."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return ["sub", _kind(base), list(shape)]
    parts = [(name, *dtype.fields[name], None)[:4] for name in dtype.names]
    names = [[name, _kind(inner), offset, title] for name, inner, offset, title in parts]
    return ["fields", names, dtype.itemsize]


def _kind(dtype: Any) -> Node:
    return dtype.str if dtype.names is None and dtype.subdtype is None else _fields(dtype)
