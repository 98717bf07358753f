"""Values as a tree of plain containers, to be rebuilt by `decode` in another process.

A node is None, a bool, int, float, str or bytes, or a tuple whose first item is its tag. Objects
are taken apart as pickle does it (`__reduce_ex__`, PEP 307), but what comes out names only classes.
"""

import asyncio
import copyreg
import enum
import functools
import itertools
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse

from ketune.judge.inside import trusted

Node = Any
_ATOMS = (type(None), bool, int, float, str, bytes)
_FUNCTIONS = (
    *(types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial),
    *(np.ufunc, type(np.mean)),
)
_EMPTY: dict[str, str] = {}
ITERATORS = (
    types.GeneratorType,
    *map(type, map(iter, ([], (), _EMPTY, set(), range(0), _EMPTY.values(), _EMPTY.items()))),
    *(map, filter, zip, enumerate, reversed, itertools.chain, itertools.product),
)
_VIEWS = (type(_EMPTY.keys()), type(_EMPTY.values()), type(_EMPTY.items()))
# Attributes that a class's own state leaves out although its methods need them.
FORGOTTEN = {"_FakeTarget": ("_coupling_map",)}
_MAX_ITEMS = 1_000_000  # of an iterator, which may be endless


class Unencodable(Exception):
    """A value has no meaning outside its process. One line: its type."""


class Encoder:
    """Encodes the values of one message, which may share objects.

    `export` keeps a function and returns its handle; `home` tells the handle that a stub of the
    other side's function stands for, None for another object; `passed` are objects that the other
    side holds already, encoded as their position.
    """

    def __init__(
        self,
        export: Callable[[Callable[..., Any]], int],
        home: Callable[[object], int | None],
        passed: Sequence[object] = (),
    ) -> None:
        self.export, self.home = export, home
        self.passed = {id(value): position for position, value in enumerate(passed)}
        self.seen: dict[int, int] = {}
        self.bits: dict[object, int] = {}
        self.kept: list[object] = []  # an address is only an identity while its object lives

    def encode(self, value: Any, *, afresh: bool = False) -> Node:  # noqa: PLR0911
        """The node of `value`; `afresh` takes a passed object apart all the same.

        Raises Unencodable.
        """
        if type(value) in _ATOMS:
            return value
        if not afresh and (position := self.passed.get(id(value))) is not None:
            return ("passed", position)
        if (number := self.seen.get(id(value))) is not None:
            return ("seen", number)
        if isinstance(value, type):
            return self._class(value)
        if type(value) is complex:
            return ("complex", value.real, value.imag)
        if isinstance(value, np.generic):
            return ("scalar", value.dtype.str, value.tobytes())
        if isinstance(value, types.ModuleType):
            return ("module", value.__name__)
        if isinstance(value, types.CoroutineType):
            return ("coroutine", self.export(functools.partial(asyncio.run, value)))
        if isinstance(value, _FUNCTIONS):
            return self._function(value)
        number = len(self.kept)
        # A circuit makes its bits anew for each instruction.
        if _is_bit(type(value)) and (known := self.bits.setdefault(value, number)) != number:
            return ("seen", known)
        self.seen[id(value)] = number
        self.kept.append(value)
        node = self._compound(value, number)
        if not isinstance(node, tuple) or node[0] == "function":
            del self.seen[id(value)]  # nothing in the node bears the number
        return node

    def _compound(self, value: Any, number: int) -> Node:  # noqa: PLR0911
        cls = type(value)
        if cls in {list, tuple, set, frozenset}:
            return (cls.__name__, number, [self.encode(item) for item in value])
        if cls is dict or cls is types.MappingProxyType:
            return ("dict", number, self._pairs(value))
        if cls is np.random.Generator:
            state = self.encode(value.bit_generator.state)
            return ("random", number, type(value.bit_generator).__name__, state)
        if isinstance(value, np.ma.MaskedArray):
            parts = (np.asarray(value.data), np.ma.getmaskarray(value), value.fill_value)
            return ("masked", number, *map(self.encode, parts))
        if isinstance(value, np.ndarray):
            return self._array(value, number)
        if scipy.sparse.issparse(value):
            entries = value.tocoo()
            places = [self.encode(part) for part in entries.coords]
            data = self.encode(entries.data)
            return ("sparse", number, cls.__name__, entries.shape, data, places)
        if isinstance(value, ITERATORS):
            return ("iterator", number, self._items(value))
        if isinstance(value, _VIEWS):
            return ("list", number, self._items(value))
        if trusted.is_trusted(cls):
            return self._object(value, number)
        return self._foreign(value, number)

    def _pairs(self, mapping: Mapping[Any, Any]) -> list[Node]:
        return [(self.encode(key), self.encode(value)) for key, value in mapping.items()]

    def _items(self, iterable: Any) -> list[Node]:
        return [self.encode(item) for item in itertools.islice(iterable, _MAX_ITEMS)]

    def _class(self, cls: type) -> Node:
        if trusted.is_plain(cls) or trusted.is_trusted(cls):
            return ("class", cls.__module__, cls.__qualname__)
        return ("function", self.export(cls), cls.__name__)

    def _array(self, array: Any, number: int) -> Node:
        array = np.asarray(array)
        if array.dtype.hasobject:
            return ("objects", number, array.shape, [self.encode(item) for item in array.flat])
        kind = array.dtype.str if array.dtype.names is None else self.encode(array.dtype.descr)
        return ("array", number, kind, array.shape, array.tobytes())

    def _function(self, function: Any) -> Node:
        if (handle := self.home(function)) is not None:
            return ("home", handle)
        owner = getattr(function, "__self__", None)
        # The artists of a figure hold methods of one another and functions of their library.
        if trusted.is_artist(type(owner)) or (
            type(owner) is list and function.__name__ == "remove"
        ):
            return ("method", self.encode(owner), function.__name__)
        if isinstance(function, functools.partial):
            bound = [self.encode(argument) for argument in function.args]
            return ("partial", self.encode(function.func), bound, self._pairs(function.keywords))
        if trusted.is_library_function(function) and "<" not in function.__qualname__:
            return ("library", function.__module__, function.__qualname__)
        name = str(getattr(function, "__name__", "function"))
        return ("function", self.export(function), name)

    def _object(self, value: Any, number: int, base: type | None = None) -> Node:
        """Taken apart; `base` is the trusted class that stands for a class of the program's."""
        reducer = copyreg.dispatch_table.get(type(value))
        if isinstance(value, enum.Enum):
            # As Python 3.11.4 has it; before, a member was taken by name from its class.
            reducer = _member
        try:
            reduced: Any = reducer(value) if reducer else value.__reduce_ex__(4)
        except TypeError as error:
            raise Unencodable(f"{type(value).__name__}: {error}") from None
        if isinstance(reduced, str):
            raise Unencodable(f"{type(value).__name__} {reduced}")
        function, arguments, state, items, pairs = (*reduced[:5], None, None, None)[:5]
        how, arguments, keywords = _maker(type(value), function, arguments, base)
        return (
            "object",
            number,
            how,
            [self.encode(argument) for argument in arguments],
            self._pairs(keywords),
            self.encode(state),
            None if items is None else [self.encode(item) for item in items],
            None if pairs is None else [(self.encode(k), self.encode(v)) for k, v in pairs],
            self._pairs({key: vars(value)[key] for key in FORGOTTEN.get(type(value).__name__, ())}),
        )

    def _foreign(self, value: Any, number: int) -> Node:  # noqa: PLR0911
        """An object of a class of the program's own: as data, never as behaviour."""
        for base in type(value).__mro__[1:-1]:
            if base in {int, float, str, bytes}:
                return base(value)
            if base is tuple and hasattr(value, "_fields"):
                names = [str(name) for name in value._fields]
                return ("namedtuple", number, type(value).__name__, names, self._items(value))
            if base in {list, tuple, set, frozenset}:
                return (base.__name__, number, self._items(value))
            if base is dict:
                return ("dict", number, self._pairs(value))
            if base.__module__ == "qiskit.transpiler.basepasses":
                return ("pass", number, base.__qualname__, self.export(value.run))
            if trusted.is_trusted(base):
                return self._object(value, number, base)
        if callable(value):
            return ("function", self.export(value), type(value).__name__)
        if not hasattr(value, "__dict__"):
            raise Unencodable(type(value).__name__)
        attributes = {str(key): item for key, item in vars(value).items() if not callable(item)}
        return ("namespace", number, self._pairs(attributes))


def _member(value: enum.Enum) -> tuple[type, tuple[Any]]:
    return type(value), (value._value_,)


def _is_bit(cls: type) -> bool:
    return cls.__name__ in {"Qubit", "Clbit", "AncillaQubit"} and cls.__module__ == "qiskit.circuit"


def _maker(
    cls: type, function: Any, arguments: Sequence[Any], base: type | None
) -> tuple[tuple[str, ...], Sequence[Any], Mapping[str, Any]]:
    """How the object is made again: ("new" | "call" | "static", module, name…), its arguments."""
    if function is copyreg.__newobj__:  # type: ignore[attr-defined]
        return ("new", *_name(arguments[0], base)), arguments[1:], {}
    if function is copyreg.__newobj_ex__:  # type: ignore[attr-defined]
        return ("new", *_name(arguments[0], base)), arguments[1], arguments[2]
    if function is getattr or isinstance(function, types.BuiltinFunctionType):
        name = getattr(function, "__name__", "")
        if isinstance(getattr(cls, name, None), types.BuiltinFunctionType):
            return ("static", *_name(cls), name), arguments, {}
    keywords: Mapping[str, Any] = {}
    if isinstance(function, functools.partial):
        arguments, keywords = [*function.args, *arguments], function.keywords
        function = function.func
    if isinstance(function, type):
        return ("call", *_name(function, base)), arguments, keywords
    raise Unencodable(f"{cls.__name__}, made by {getattr(function, '__qualname__', function)}")


def _name(cls: type, base: type | None = None) -> tuple[str, str]:
    cls = cls if base is None or trusted.is_trusted(cls) else base
    return cls.__module__, cls.__qualname__
