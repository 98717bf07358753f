"""Rebuilds values that `encode` took apart in another process.

Of the program's values nothing is taken on trust (`strict`): the tree holds plain containers only,
and every class, attribute and callable in it must be one that `trusted` allows. The other way, from
the test to the program, anything goes.
"""

import collections
import functools
import importlib
import io
import keyword
import pickle
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ketune.judge.inside import objects, trusted
from ketune.judge.inside.encode import FORGOTTEN, Node
from ketune.judge.inside.trusted import Refused

# The program writes the tags: none may reach another method of the decoder.
_TAGS = {
    *("passed", "seen", "complex", "scalar", "class", "module", "function", "home", "library"),
    *("coroutine", "list", "tuple", "set", "frozenset", "dict", "iterator", "array", "masked"),
    *("objects", "sparse", "namedtuple", "namespace", "random", "method", "partial", "pass"),
    "object",
}


class _DataUnpickler(pickle.Unpickler):
    """Reads containers and atoms; a stream that names a class or function is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise Refused(f"a pickle of {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise Refused(f"a pickle that refers to {pid!r}")


def pack(node: Node) -> bytes:
    """Bytes of a tree."""
    return pickle.dumps(node, protocol=5)


def unpack(data: bytes) -> Node:
    """The tree in `data`. Raises Refused when it is anything but plain containers, MemoryError
    for lengths that memory does not hold."""
    try:
        return _DataUnpickler(io.BytesIO(data)).load()
    except (Refused, MemoryError):
        raise
    except Exception as error:  # the program may have written whatever it likes
        raise Refused(f"bytes that are no value ({type(error).__name__})") from None


class Decoder:
    """Rebuilds the values of one message.

    `stub` makes a function that calls the other side's handle; `exported` finds one of ours;
    `passed` are the objects that positions refer to.
    """

    def __init__(
        self,
        stub: Callable[[int, str], Callable[..., Any]],
        exported: Callable[[int], Any],
        *,
        passed: Sequence[object] = (),
        strict: bool,
    ) -> None:
        self.stub, self.exported, self.passed, self.strict = stub, exported, passed, strict
        self.seen: dict[int, Any] = {}
        self.within: list[type] = []  # classes of the objects that are being rebuilt

    def decode(self, node: Node, into: Any = None) -> Any:
        """The value of `node`; an object's or container's content goes `into` an existing one.

        Raises Refused.
        """
        if not isinstance(node, tuple):
            if isinstance(node, list | dict | set | frozenset | bytearray):
                raise Refused("a tree of the wrong shape")
            return node
        tag = str(node[0])[:40] if node else ""
        if tag not in _TAGS:
            raise Refused(f"a node tagged {tag!r}")
        try:
            build = getattr(self, f"_{tag}")
            return build(*node[1:], **({} if into is None else {"into": into}))
        except (Refused, MemoryError):
            raise
        except Exception as error:
            if self.strict:
                raise Refused(f"{tag}: {type(error).__name__}: {error}") from None
            raise

    def _passed(self, position: int) -> Any:
        return self.passed[position]

    def _seen(self, number: int) -> Any:
        return self.seen[number]

    def _complex(self, real: float, imaginary: float) -> complex:
        return complex(real, imaginary)

    def _scalar(self, kind: str, data: bytes) -> Any:
        return np.frombuffer(data, objects.plain_dtype(kind))[0]

    def _class(self, module: str, qualname: str) -> type:
        cls = trusted.resolve(module, qualname)
        # A class in the place of its object has attributes of the same names.
        if self.strict and not self.within and not trusted.is_plain(cls):
            raise Refused(f"the class {qualname} for a value")
        return cls

    def _module(self, name: str) -> Any:
        if self.strict:
            raise Refused(f"the module {name}")
        return importlib.import_module(name)

    def _function(self, handle: int, name: str) -> Callable[..., Any]:
        if self.strict and self.within and not trusted.may_hold_functions(self.within[-1]):
            raise Refused(f"a function in a {self.within[-1].__qualname__}")
        # Libraries write code that names the functions they wrap.
        usable = str(name).isidentifier() and not keyword.iskeyword(name)
        return self.stub(int(handle), str(name) if usable else "function")

    def _home(self, handle: int) -> Any:
        return self.exported(int(handle))

    def _coroutine(self, handle: int) -> Any:
        call = self.stub(int(handle), "coroutine")

        async def result() -> Any:
            return call()

        return result()

    def _list(self, number: int, items: list[Node], into: list[Any] | None = None) -> Any:
        result = self.seen[number] = [] if into is None else into
        result[:] = [self.decode(item) for item in items]
        return result

    def _tuple(self, number: int, items: list[Node]) -> tuple[Any, ...]:
        result = self.seen[number] = tuple(self.decode(item) for item in items)
        return result

    def _set(self, number: int, items: list[Node], into: set[Any] | None = None) -> set[Any]:
        result: set[Any] = set() if into is None else into
        self.seen[number] = result
        result.clear()
        result.update(self.decode(item) for item in items)
        return result

    def _frozenset(self, number: int, items: list[Node]) -> frozenset[Any]:
        result = self.seen[number] = frozenset(self.decode(item) for item in items)
        return result

    def _dict(self, number: int, pairs: list[Node], into: Any = None) -> Any:
        result = self.seen[number] = {} if into is None else into
        content = [(self.decode(key), self.decode(value)) for key, value in pairs]
        result.clear()
        result.update(content)
        return result

    def _iterator(self, number: int, items: list[Node]) -> Any:
        result = self.seen[number] = iter([self.decode(item) for item in items])
        return result

    def _array(
        self, number: int, kind: Node, shape: tuple[int, ...], data: bytes, into: Any = None
    ) -> Any:
        dtype = objects.plain_dtype(kind if isinstance(kind, str) else self.decode(kind))
        array = np.frombuffer(data, dtype).reshape(shape).copy()
        if into is not None:
            into[...] = array
        self.seen[number] = array if into is None else into
        return self.seen[number]

    def _random(self, number: int, algorithm: str, state: Node) -> Any:
        result = self.seen[number] = objects.random_generator(algorithm, self.decode(state))
        return result

    def _sparse(
        self, number: int, name: str, shape: tuple[int, ...], data: Node, coordinates: list[Node]
    ) -> Any:
        places = tuple(self.decode(part) for part in coordinates)
        result = self.seen[number] = objects.sparse(name, shape, self.decode(data), places)
        return result

    def _masked(self, number: int, data: Node, mask: Node, fill: Node) -> Any:
        # What is compared with it equals it wherever it is masked.
        if self.strict and not (self.within and trusted.is_artist(self.within[-1])):
            raise Refused("a masked array")
        parts = self.decode(data), self.decode(mask), self.decode(fill)
        result = np.ma.MaskedArray(parts[0], mask=parts[1], fill_value=parts[2])
        self.seen[number] = result
        return result

    def _objects(
        self, number: int, shape: tuple[int, ...], items: list[Node], into: Any = None
    ) -> Any:
        array = self.seen[number] = np.empty(shape, dtype=object) if into is None else into
        for position, item in enumerate(items):
            array.flat[position] = self.decode(item)
        return array

    def _namedtuple(self, number: int, name: str, fields: list[str], items: list[Node]) -> Any:
        cls = collections.namedtuple(name, fields, rename=True)  # type: ignore[misc]
        values = [self.decode(item) for item in items]
        if self.strict and any(callable(value) for value in values):
            raise Refused("data with something callable in it")
        result = self.seen[number] = cls(*values)
        return result

    def _namespace(self, number: int, pairs: list[Node], into: Any = None) -> Any:
        result = self.seen[number] = types.SimpleNamespace() if into is None else into
        attributes = {str(self.decode(key)): self.decode(value) for key, value in pairs}
        if any(callable(value) for value in attributes.values()):
            raise Refused("data with something callable in it")
        if any(trusted.is_special(key) for key in attributes):
            raise Refused("data with a special attribute")
        vars(result).update(attributes)
        return result

    def _library(self, module: str, name: str) -> Any:
        if not self.within:
            raise Refused(f"the function {module}.{name}")
        return trusted.resolve_function(module, name)

    def _partial(self, function: Node, arguments: list[Node], keywords: list[Node]) -> Any:
        if self.strict and self.within and not trusted.is_artist(self.within[-1]):
            raise Refused(f"a partial function in a {self.within[-1].__qualname__}")
        bound = [self.decode(argument) for argument in arguments]
        named = {str(self.decode(key)): self.decode(value) for key, value in keywords}
        return functools.partial(self.decode(function), *bound, **named)

    def _method(self, owner: Node, name: str) -> Any:
        holder = self.decode(owner)
        artist = trusted.is_artist(type(holder))
        known = artist or (type(holder) is list and name == "remove")
        if not self.within or not known or trusted.is_special(name):
            raise Refused(f"the method {name} of {type(holder).__name__}")
        method = getattr(holder, name)
        if not isinstance(method, types.MethodType | types.BuiltinMethodType):
            raise Refused(f"{type(holder).__name__}.{name} for a method")
        return method

    def _pass(self, number: int, base: str, handle: int) -> Any:
        """A transpiler pass of the program's: its `run` is a call like any other."""
        basepasses = importlib.import_module("qiskit.transpiler.basepasses")
        if base not in {"TransformationPass", "AnalysisPass"}:
            raise Refused(f"a transpiler pass of class {base}")
        run = self.stub(int(handle), "run")
        cls = type("Pass", (getattr(basepasses, base),), {"run": lambda _, dag: run(dag)})
        result = self.seen[number] = cls()
        return result

    def _object(
        self,
        number: int,
        how: tuple[str, ...],
        arguments: list[Node],
        keywords: list[Node],
        state: Node,
        items: list[Node] | None,
        pairs: list[Node] | None,
        forgotten: list[Node],
        into: Any = None,
    ) -> Any:
        cls = trusted.resolve(how[1], how[2])
        self.within.append(cls)
        try:
            values = [self.decode(argument) for argument in arguments]
            named = {str(self.decode(key)): self.decode(value) for key, value in keywords}
            result = objects.make(cls, how, values, named)
            content = state is not None or items is not None or pairs or forgotten
            if content and objects.is_shared(result):
                raise Refused(f"a state for a shared {type(result).__name__}")
            if into is not None:
                result = objects.same_type(result, into)
            self.seen[number] = result
            objects.restore(result, self.decode(state), replace=into is not None)
            if items is not None:
                result.extend([self.decode(item) for item in items])
            for key, value in pairs or ():
                result[self.decode(key)] = self.decode(value)
            for key, value in forgotten:
                if key not in FORGOTTEN.get(type(result).__name__, ()):
                    raise Refused(f"an attribute {key} for {type(result).__name__}")
                vars(result)[key] = self.decode(value)
            if self.strict:
                trusted.check_attributes(result)
        finally:
            self.within.pop()
        return result
