"""Makes the values that `encode` took apart in another process.

Of the program's values nothing is taken on trust (`strict`): a tree names types of the closed list
(`kinds`), whose functions check what they are given, or the plain containers here. Nothing else is
made, and no function but a call of the other side. The other way, from the test to the program,
classes and modules may be named too.
"""

import importlib
import inspect
import keyword
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ketune.judge.inside import objects, trusted
from ketune.judge.inside.iterators import remote_items
from ketune.judge.inside.kinds import Kind, registry
from ketune.judge.inside.opaque import Opaque, Unjudgeable
from ketune.judge.inside.wire import Node, Refused

_ATOMS = (type(None), bool, int, float, str)
_MAX_BYTES = 1 << 31  # of one array
_KINDS = "biufcSUMmV"
_PARAMETERS = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
)


class Decoder:
    """Makes the values of one message.

    `stub` makes a function that calls the other side's handle; `exported` finds an object of ours;
    `passed` are the objects that positions refer to; `report` is told of a value that could not
    cross and was used; `remember` keeps a record and the handle of the object it stands for.
    """

    def __init__(
        self,
        blocks: Sequence[memoryview],
        stub: Callable[..., Callable[..., Any]],
        exported: Callable[[int], Any],
        *,
        passed: Sequence[object] = (),
        strict: bool,
        report: Callable[[str], None],
        remember: Callable[[Any, int], None],
    ) -> None:
        self.blocks, self.stub, self.exported = blocks, stub, exported
        self.passed, self.strict = passed, strict
        self.report, self.remember = report, remember
        self.seen: dict[int, Any] = {}
        self.within: list[Kind] = []  # kinds of the objects that are being made

    def decode(self, node: Node) -> Any:
        """The value of `node`. Raises Refused."""
        if type(node) is not list:
            if type(node) in _ATOMS:
                return node
            raise Refused("a tree of the wrong shape")
        tag = node[0] if node else None
        build = _BUILD.get(tag) if type(tag) is str else None
        try:
            if build is not None:
                return build(self, *node[1:])
            kind = registry().by_tag.get(tag) if type(tag) is str else None
            if kind is None:
                raise Refused(f"a node tagged {str(tag)[:40]!r}")
            return self._object(kind, *node[1:])
        except (Refused, MemoryError):
            raise
        except Unjudgeable as error:
            raise Refused(f"{tag} with what cannot cross in it: {error}") from None
        except Exception as error:
            raise Refused(f"{tag}: {type(error).__name__}: {error}") from None
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # of native code, as Qiskit's
                raise Refused(f"{tag}: {error}") from None
            raise

    # What functions of kinds read their parts with. Each raises Refused for anything else.

    def each(self, nodes: Node) -> list[Any]:
        """Values of a bare list of nodes."""
        return [self.decode(node) for node in self.bare(nodes)]

    def bare(self, nodes: Node) -> list[Node]:
        """A bare list of nodes."""
        if type(nodes) is not list:
            raise Refused("something else than a list")
        return nodes

    def text(self, node: Node) -> str:
        """A str."""
        if type(node) is not str:
            raise Refused("something else than a text")
        return node

    def choice(self, node: Node, choices: Any) -> Any:
        """One of some texts."""
        if type(node) is not str or node not in choices:
            raise Refused(f"{str(node)[:40]!r} for one of a few names")
        return node

    def flag(self, node: Node) -> bool:
        """A bool."""
        if type(node) is not bool:
            raise Refused("something else than a flag")
        return node

    def integer(self, node: Node, low: int = 0, high: int = 1 << 62) -> int:
        """An int in [low, high]."""
        value = self.decode(node)
        if type(value) is not int or not low <= value <= high:
            raise Refused(f"{_shown(value)} for a number from {low} to {high}")
        return value

    def real(self, node: Node) -> float:
        """A finite float or int."""
        value = self.decode(node)
        if type(value) not in (int, float) or not abs(value) < float("inf"):
            raise Refused(f"{_shown(value)} for a finite number")
        number: float = value
        return number

    def number(self, node: Node) -> complex:
        """A finite float, int or complex."""
        value = self.decode(node)
        if type(value) not in (int, float, complex) or not abs(value) < float("inf"):
            raise Refused(f"{_shown(value)} for a finite number")
        number: complex = value
        return number

    def optional(self, read: Callable[..., Any], node: Node, *arguments: Any) -> Any:
        """None, or what `read` reads."""
        return None if node is None else read(node, *arguments)

    def raw(self, node: Node) -> bytes:
        """Raw bytes, by their place."""
        if type(node) is not int or not 0 <= node < len(self.blocks):
            raise Refused("bytes that are not there")
        return bytes(self.blocks[node])

    def of(self, node: Node, *classes: type) -> Any:
        """A value of exactly one of the classes."""
        value = self.decode(node)
        if type(value) not in classes:
            raise Refused(f"a {type(value).__name__} for a {classes[0].__name__}")
        return value

    def array(self, kind: Node, shape: Node, place: Node) -> Any:
        """A new array of plain numbers, texts, times or structures of them."""
        dtype = plain_dtype(kind)
        dimensions = tuple(self.integer(size, 0, 1 << 48) for size in self.bare(shape))
        data = self.raw(place)
        count = 1
        for size in dimensions:
            count *= size
        if len(dimensions) > 32 or count * dtype.itemsize != len(data):
            raise Refused("an array whose bytes do not fit its shape")
        if not data:
            return np.empty(dimensions, dtype)
        array = np.frombuffer(data, dtype).reshape(dimensions).copy()
        _check_flags(array)
        return array

    def numbers(self, parts: Node, dtype: str, dimensions: int | None = None) -> Any:
        """An array of exactly this dtype, finite. `dimensions`: how many."""
        array = self.array(*self.bare(parts))
        if array.dtype != np.dtype(dtype) or (dimensions is not None and array.ndim != dimensions):
            raise Refused(f"an array of {array.dtype} and shape {array.shape}")
        if array.dtype.kind in "fc" and not np.isfinite(array).all():
            raise Refused("an array that is not finite")
        return array

    def data(self, node: Node) -> Any:
        """Plain data: atoms and containers of them, however deep."""
        value = self.decode(node)
        check_plain(value)
        return value

    def names(self, node: Node) -> dict[str, Any]:
        """A mapping of usable names to values, none special and none callable."""
        found = {}
        for pair in self.bare(node):
            key, value = self.bare(pair)
            name = self.text(key)
            found[name] = self.decode(value)
            if trusted.is_special(name):
                raise Refused("data with a special attribute")
            if type(found[name]) is not Opaque and trusted.is_behaviour(found[name]):
                raise Refused("data with something callable in it")
        return found

    def _object(self, kind: Kind, number: int, *parts: Node) -> Any:
        self.within.append(kind)
        try:
            result = kind.make(self, *parts)
        finally:
            self.within.pop()
        known = type(result) in kind.classes or type(result) in kind.results
        if not known and not (kind.stand_in and isinstance(result, kind.stand_in)):
            raise Refused(f"a {type(result).__name__} made as {kind.tag}")
        self.seen[self._number(number)] = result
        return result

    def _number(self, number: Node) -> int:
        if type(number) is not int:
            raise Refused("a tree of the wrong shape")
        return number

    # Containers and functions.

    def _passed(self, position: int) -> Any:
        return self.passed[self.integer(position)]

    def _seen(self, number: int) -> Any:
        return self.seen[self._number(number)]

    def _int(self, digits: str) -> int:
        return int(self.text(digits), 16)

    def _complex(self, real: float, imaginary: float) -> complex:
        if type(real) is not float or type(imaginary) is not float:
            raise Refused("a complex number of something else than floats")
        return complex(real, imaginary)

    def _bytes(self, place: int) -> bytes:
        return self.raw(place)

    def _list(self, number: int, items: list[Node]) -> list[Any]:
        result: list[Any] = []
        self.seen[self._number(number)] = result
        decode = self.decode
        result.extend(item if type(item) in _ATOMS else decode(item) for item in self.bare(items))
        return result

    def _tuple(self, number: int, items: list[Node]) -> tuple[Any, ...]:
        result = self.seen[self._number(number)] = tuple(self.each(items))
        return result

    def _set(self, number: int, items: list[Node]) -> set[Any]:
        values = self.each(items)
        result = self.seen[self._number(number)] = set(values)
        self._check_whole(result, values)
        return result

    def _frozenset(self, number: int, items: list[Node]) -> frozenset[Any]:
        values = self.each(items)
        result = self.seen[self._number(number)] = frozenset(values)
        self._check_whole(result, values)
        return result

    def _dict(self, number: int, pairs: list[Node]) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        self.seen[self._number(number)] = result
        content = [self.each(pair) for pair in self.bare(pairs)]
        result.update((key, value) for key, value in content)
        self._check_whole(result, content)
        return result

    def _check_whole(self, result: Any, parts: Sequence[Any]) -> None:
        # As objects that differ by identity alone, and arrive as equal data.
        if len(result) != len(parts):
            raise Refused(f"a {type(result).__name__} with items that are equal")

    def _iterator(self, number: int, items: list[Node]) -> Any:
        result = self.seen[self._number(number)] = iter(self.each(items))
        return result

    def _lazy(self, number: int, handle: int) -> Any:
        if self.within:
            raise Refused(f"an iterator in a {self.within[-1].tag}")
        fetch = self.stub(self.integer(handle), "next")
        result = self.seen[self._number(number)] = remote_items(fetch, self.report)
        return result

    def _view(self, number: int, name: str, items: list[Node]) -> Any:
        values = self.each(items)
        if self.choice(name, ("keys", "values", "items")) == "items":
            mapping = {key: value for key, value in values}  # noqa: C416
        else:
            mapping = dict.fromkeys(values) if name == "keys" else dict(enumerate(values))
        self._check_whole(mapping, values)
        result = self.seen[self._number(number)] = getattr(mapping, name)()
        return result

    def _function(self, handle: int, name: str, told: Node = None) -> Callable[..., Any]:
        if self.within:
            raise Refused(f"a function in a {self.within[-1].tag}")
        # Libraries write code that names the functions they wrap.
        usable = self.text(name).isidentifier() and not keyword.iskeyword(name)
        signature = None if told is None else self._signature(*self.bare(told))
        return self.stub(self.integer(handle), name if usable else "function", signature)

    def _signature(self, returns: Node, parameters: Node) -> inspect.Signature:
        made = [
            inspect.Parameter(
                self.text(name),
                _PARAMETERS[self.integer(kind, 0, len(_PARAMETERS) - 1)],
                annotation=self._noted(annotation),
                default=self._noted(default),
            )
            for name, kind, annotation, default in map(self.bare, self.bare(parameters))
        ]
        return inspect.Signature(made, return_annotation=self._noted(returns))

    def _noted(self, node: Node) -> Any:
        """A number, a text, None, a plain class or a handle; `empty` where there is none."""
        values = [self.of(part, *_ATOMS, type, Opaque) for part in self.bare(node)]
        return values[0] if values else inspect.Parameter.empty

    def _home(self, handle: int) -> Any:
        if self.within and callable(self.exported(self.integer(handle))):
            raise Refused(f"a function in a {self.within[-1].tag}")
        return self.exported(self.integer(handle))

    def _coroutine(self, handle: int) -> Any:
        call = self._function(handle, "coroutine")

        async def result() -> Any:
            return call()

        return result()

    def _opaque(self, handle: int, what: str) -> Any:
        return Opaque(self.integer(handle), self.text(what)[:200], self.report)

    def _class(self, module: str, qualname: str) -> type:
        if self.strict:
            if self.within:
                raise Refused(f"the class {str(qualname)[:40]} in a {self.within[-1].tag}")
            return trusted.plain_class(self.text(module), self.text(qualname))
        found: Any = importlib.import_module(module)
        for name in qualname.split("."):
            found = getattr(found, name)
        cls: type = found
        return cls

    def _module(self, name: str) -> Any:
        if self.strict:
            raise Refused(f"the module {str(name)[:40]}")
        return importlib.import_module(name)

    def _namedtuple(self, number: int, name: str, fields: list[str], items: list[Node]) -> Any:
        values = self.each(items)
        names = [self.text(field) for field in self.bare(fields)]
        if any(type(value) is not Opaque and trusted.is_behaviour(value) for value in values):
            raise Refused("data with something callable in it")
        result = objects.named_tuple(self.text(name), tuple(names), values)
        self.seen[self._number(number)] = result
        return result

    def _as(self, name: str, bases: list[str], node: Node) -> Any:
        value = self.decode(node)
        cls = type(value)
        own = f"{cls.__module__}.{cls.__qualname__}"
        if cls not in _ATOMS and own not in self.bare(bases)[:1]:
            objects.remember(objects.Origin(value, *self._origin(name, bases), self.report))
        return value

    def _origin(self, name: Node, bases: Node) -> tuple[str, frozenset[str]]:
        return self.text(name)[:200], frozenset(self.text(base) for base in self.bare(bases))

    def _record(
        self,
        number: int,
        name: str,
        bases: list[str],
        pairs: list[Node],
        own: list[str],
        methods: list[Node],
        handles: list[int],
    ) -> Any:
        if self.strict and methods:
            raise Refused("data with methods")
        names = frozenset(self.text(attribute) for attribute in self.bare(own))
        handle, shown = (self.integer(place) for place in self.bare(handles))
        calls = {method: self.stub(place, method) for method, place in methods}
        result = (
            objects.double(self.text(name), calls)
            if calls
            else objects.record_class(names & objects.OPERATORS)()
        )
        self.seen[self._number(number)] = result
        data = self.names([[self.decode(key), value] for key, value in pairs])
        vars(result).update(data)
        objects.remember(
            objects.Origin(
                result,
                *self._origin(name, bases),
                self.report,
                names,
                self.stub(shown, "text"),
                data,
            )
        )
        self.remember(result, handle)
        return result


_BUILD: dict[str, Callable[..., Any]] = {
    "passed": Decoder._passed,
    "seen": Decoder._seen,
    "int": Decoder._int,
    "complex": Decoder._complex,
    "bytes": Decoder._bytes,
    "list": Decoder._list,
    "tuple": Decoder._tuple,
    "set": Decoder._set,
    "frozenset": Decoder._frozenset,
    "dict": Decoder._dict,
    "iterator": Decoder._iterator,
    "lazy": Decoder._lazy,
    "view": Decoder._view,
    "function": Decoder._function,
    "home": Decoder._home,
    "coroutine": Decoder._coroutine,
    "opaque": Decoder._opaque,
    "class": Decoder._class,
    "module": Decoder._module,
    "namedtuple": Decoder._namedtuple,
    "record": Decoder._record,
    "as": Decoder._as,
}


def _check_flags(array: Any) -> None:
    """Raise Refused for a bool that is neither: what compares it takes it for both."""
    for name in array.dtype.names or ():
        _check_flags(array[name])
    if array.dtype.kind == "b" and (array.view(np.uint8) > 1).any():
        raise Refused("an array of bools that are none")


def _shown(value: Any) -> str:
    return str(value)[:40] if type(value) in _ATOMS else f"a {type(value).__name__}"


def check_plain(value: Any) -> None:
    """Raise Refused unless it is plain data: atoms, numbers, arrays and containers of such."""
    pending, known = [value], set()
    while pending:
        item = pending.pop()
        if type(item) in _ATOMS or type(item) in (complex, bytes, np.ndarray):
            continue
        if isinstance(item, np.generic):
            continue
        if id(item) in known:
            continue
        known.add(id(item))
        if type(item) is dict:
            pending += [*item.keys(), *item.values()]
        elif type(item) in (list, tuple, set, frozenset):
            pending += item
        else:
            raise Refused(f"a {type(item).__name__} among plain data")


def plain_dtype(kind: Node) -> Any:
    """The dtype of a description: a code as "<f8", ["fields", fields, size] or ["sub", type,
    shape]. Raises Refused for one that holds addresses."""
    if type(kind) is str:
        if len(kind) > 40 or kind.lstrip("<>|=")[:1] not in _KINDS:
            raise Refused("an array of something else than plain data")
        dtype = np.dtype(kind)
    elif type(kind) is list and kind and kind[0] == "sub":
        dtype = np.dtype((plain_dtype(kind[1]), tuple(int(size) for size in kind[2])))
    elif type(kind) is list and kind and kind[0] == "fields":
        names, types_, offsets, titles = zip(*kind[1], strict=True) if kind[1] else ((),) * 4
        dtype = np.dtype(
            {
                "names": list(names),
                "formats": [plain_dtype(inner) for inner in types_],
                "offsets": list(offsets),
                "titles": list(titles),
                "itemsize": int(kind[2]),
            }
        )
    else:
        raise Refused("an array of something else than plain data")
    if dtype.hasobject or dtype.itemsize > _MAX_BYTES:
        raise Refused("an array of something else than plain data")
    return dtype
