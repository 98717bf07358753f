"""Calls between the program's process and the test's, over a stream socket.

Either side may call what the other exported while it serves a call itself, as when the test passes
a function. A message is an 8-byte big-endian length and a packed tree: ("call", handle, arguments,
keywords, random state), ("return", value, changed arguments, output) or ("raise", names of the
exception's classes, message, outcome, detail, output).
"""

import contextlib
import gc
import io
import os
import random
import struct
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ketune.judge.inside import trusted
from ketune.judge.inside.decode import Decoder, pack, unpack
from ketune.judge.inside.encode import ITERATORS, Encoder, Node, Unencodable
from ketune.judge.inside.trusted import Refused

_MAX_OUTPUT = 1 << 20  # characters of a call's standard output that the test gets to see
_MAX_MESSAGE = 1 << 32  # bytes; more is no length but text that something wrote
_IMMUTABLE = (type(None), bool, int, float, complex, str, bytes, type, types.FunctionType)

Describe = Callable[[BaseException], tuple[str, str]]  # outcome and detail


class Closed(BaseException):
    """The other process has gone. A BaseException, so that no test mistakes it for a failure."""


class Peer:
    """One end. `strict`: the other end is the program, whose every byte is its own choice."""

    def __init__(self, descriptor: int, *, strict: bool, describe: Describe) -> None:
        self.stream = open(descriptor, "r+b", buffering=0)  # noqa: SIM115
        self.strict, self.describe = strict, describe
        self.exports: list[Callable[..., Any]] = []
        self.stubs: dict[int, tuple[Any, int]] = {}
        self.sends_random_state = False
        self.closed = False
        self.owner = os.getpid()

    def export(self, function: Callable[..., Any]) -> int:
        """The handle by which the other side may call `function`."""
        self.exports.append(function)
        return len(self.exports) - 1

    def stub(self, handle: int, name: str) -> Callable[..., Any]:
        """A function here that calls the other side's."""

        def remote(*arguments: Any, **keywords: Any) -> Any:
            return self.call(handle, arguments, keywords)

        remote.__name__ = remote.__qualname__ = name
        self.stubs[id(remote)] = (remote, handle)
        return remote

    def call(self, handle: int, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Call the other side's function; what it raises is raised here.

        Arguments that it changed in place are changed here. Raises Refused for a value that may
        not cross, Closed when the other side ends.
        """
        passed = [*arguments, *keywords.values()]
        encoder = self._encoder()
        with _no_collection():
            nodes = [encoder.encode(value) for value in passed]
        state = (random.getstate(), np.random.get_state()) if self.sends_random_state else None
        self.send(
            (
                "call",
                handle,
                nodes[: len(arguments)],
                list(zip(keywords, nodes[len(arguments) :], strict=True)),
                self._encoder().encode(state),
            )
        )
        while True:
            kind, *content = self.receive()
            if kind == "call":
                self.serve(*content)
            elif kind == "return":
                return self._returned(passed, nodes, *content)
            elif kind == "raise":
                self._raise(*content)
            else:
                raise Refused(f"a message of kind {kind!r}")

    def serve_all(self) -> None:
        """Answer calls until the other side closes. Raises Refused for any other message."""
        with contextlib.suppress(Closed):
            while True:
                kind, *content = self.receive()
                if kind != "call":
                    raise Refused(f"a message of kind {kind!r}")
                self.serve(*content)

    def serve(self, handle: int, arguments: list[Node], keywords: list[Node], state: Node) -> None:
        """Run one call and answer it."""
        decoder = self._decoder()
        if not 0 <= handle < len(self.exports):
            raise Refused(f"a call of the unknown function {handle}")
        with _no_collection():
            values = [decoder.decode(argument) for argument in arguments]
            named = {str(key): decoder.decode(value) for key, value in keywords}
        if state is not None and not self.strict:
            own, numpys = self._decoder().decode(state)
            random.setstate(own)
            np.random.set_state(numpys)
        passed = [*values, *named.values()]
        before = [self._content(value) for value in passed]
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output):
                result = self.exports[handle](*values, **named)
            first = {id(value): i for i, value in reversed(list(enumerate(passed)))}
            changes = [
                position
                for position, value in enumerate(passed)
                if first[id(value)] == position
                and before[position] is not None
                and before[position] != self._content(value)
            ]
            # What cannot take another's content in place is known to the test by its value alone.
            lost = {position for position in changes if not _is_replaceable(passed[position])}
            encoder = self._encoder([None if i in lost else v for i, v in enumerate(passed)])
            with _no_collection():
                changed = [
                    (position, encoder.encode(passed[position], afresh=True))
                    for position in changes
                    if position not in lost
                ]
                content = encoder.encode(result)
            answer: Node = ("return", content, changed, output.getvalue()[:_MAX_OUTPUT])
        except Closed:
            raise
        except Unencodable as error:
            detail = f"a value cannot be handed to the test ({error})"
            answer = ("raise", [("builtins", "TypeError")], detail, "wrong_answer", detail, "")
        except BaseException as error:
            names = [(b.__module__, b.__qualname__) for b in type(error).__mro__ if _is_known(b)]
            answer = (
                "raise",
                names,
                _message(error),
                *self.describe(error),
                output.getvalue()[:_MAX_OUTPUT],
            )
        try:
            self.send(answer)
        except MemoryError as error:  # its bytes take as much again as the value
            self.send(("raise", [], "", *self.describe(error), ""))

    def send(self, message: Node) -> None:
        """Raises Closed."""
        if os.getpid() != self.owner:
            os._exit(0)  # a fork of the program that came back here has no say
        with _no_collection():
            data = pack(message)
        try:
            for part in (struct.pack("!Q", len(data)), data):
                view = memoryview(part)
                while view:
                    view = view[self.stream.write(view) or 0 :]
        except OSError:
            self.closed = True
            raise Closed from None

    def receive(self) -> tuple[Any, ...]:
        """The next message. Raises Closed, and Refused for bytes that are none."""
        (size,) = struct.unpack("!Q", self._read(8))
        if size > _MAX_MESSAGE:
            raise Refused("bytes that are no message")
        with _no_collection():
            message = unpack(self._read(size))
        if not isinstance(message, tuple) or not message:
            raise Refused("bytes that are no message")
        return message

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            try:
                chunk = self.stream.read(min(size - len(data), 1 << 20))
            except OSError:
                chunk = b""
            if not chunk:
                self.closed = True
                raise Closed
            data += chunk
        return bytes(data)

    def _returned(
        self, passed: list[Any], nodes: list[Node], result: Node, changed: list[Node], output: str
    ) -> Any:
        decoder = self._decoder(passed)
        with _no_collection():
            for position, content in changed:
                if not isinstance(content, tuple) or content[:1] != nodes[position][:1]:
                    raise Refused("an argument changed into something else")
                decoder.decode(content, into=passed[position])
            value = decoder.decode(result)
        sys.stdout.write(output)
        return value

    def _raise(
        self, names: list[Any], message: str, outcome: str, detail: str, output: str
    ) -> NoReturn:
        sys.stdout.write(str(output))
        error = _exception(names, str(message))
        error.judged = (str(outcome), str(detail))  # type: ignore[attr-defined]
        raise error

    def _encoder(self, passed: Sequence[object] = ()) -> Encoder:
        return Encoder(self.export, self._home, passed)

    def _decoder(self, passed: Sequence[object] = ()) -> Decoder:
        return Decoder(self.stub, self.exports.__getitem__, passed=passed, strict=self.strict)

    def _home(self, function: object) -> int | None:
        known = self.stubs.get(id(function))
        return known[1] if known else None

    def _content(self, value: Any) -> bytes | None:
        """What a changed argument is told by; None for one that cannot change."""
        if isinstance(value, _IMMUTABLE + ITERATORS):  # to look into an iterator is to use it up
            return None
        try:
            with _no_collection():
                return pack(self._encoder().encode(value))
        except Unencodable:
            return None


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection meanwhile: all of a growing tree is alive, and for a large circuit half
    of the time would go into looking it through again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _is_replaceable(value: object) -> bool:
    return isinstance(value, list | dict | set | np.ndarray) or hasattr(value, "__dict__")


def _is_known(cls: type) -> bool:
    return issubclass(cls, BaseException) and (trusted.is_plain(cls) or trusted.is_trusted(cls))


def _exception(names: list[tuple[str, str]], message: str) -> Exception:
    """An exception of the first class named that a message alone makes."""
    for module, qualname in names:
        cls = trusted.resolve(str(module), str(qualname))
        # As in a generator (PEP 479): it would end a test's loop over calls as if it were done.
        if issubclass(cls, Exception) and not issubclass(cls, StopIteration | StopAsyncIteration):
            with contextlib.suppress(TypeError):
                return cls(message)
    return RuntimeError(message)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # a program's own exception may fail to print
        return ""
