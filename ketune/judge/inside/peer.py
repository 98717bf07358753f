"""Calls between the program's process and the test's, over a stream socket.

Either side may call what the other exported while it serves a call itself, as when the test passes
a function. A message is an 8-byte big-endian length and what `wire` packs: ["call", handle,
arguments, keywords, random state], ["return", value, changed arguments, output] or ["raise", names
of the exception's classes, its arguments, message, outcome, detail, output].
"""

import contextlib
import gc
import inspect
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
from ketune.judge.inside.changes import take_over
from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder
from ketune.judge.inside.iterators import ENDING, LAZY
from ketune.judge.inside.opaque import Opaque, Unjudgeable, what_of
from ketune.judge.inside.wire import Node, Refused, pack, unpack

_MAX_OUTPUT = 1 << 20  # characters of a call's standard output that the test gets to see
_MAX_MESSAGE = 1 << 32  # bytes; more is no length but text that something wrote
_ARGUMENTS = (type(None), bool, int, float, str)  # of an exception
_IMMUTABLE = (Opaque, type(None), bool, int, float, complex, str, bytes, type, types.FunctionType)

Describe = Callable[[BaseException], tuple[str, str]]  # outcome and detail


class Closed(BaseException):
    """The other process has gone. A BaseException, so that no test mistakes it for a failure."""


class Peer:
    """One end. `strict`: the other end is the program, whose every byte is its own choice."""

    def __init__(self, descriptor: int, *, strict: bool, describe: Describe) -> None:
        self.stream = open(descriptor, "r+b", buffering=0)  # noqa: SIM115
        self.strict, self.describe = strict, describe
        self.exports: list[Any] = []
        self.handles: dict[int, int] = {}
        self.stubs: dict[int, tuple[Any, int, Any]] = {}
        self.unjudgeable = ""  # what was used though it could not cross
        self.refused = ""  # what the other side sent though it may not cross
        self.sends_random_state = False
        self.closed = False
        self.owner = os.getpid()

    def export(self, value: Any) -> int:
        """The handle by which the other side may call or pass back `value`."""
        if (known := self.handles.get(id(value))) is not None:
            return known
        self.exports.append(value)
        self.handles[id(value)] = len(self.exports) - 1
        return len(self.exports) - 1

    def stub(
        self, handle: int, name: str, signature: inspect.Signature | None = None
    ) -> Callable[..., Any]:
        """A function here that calls the other side's."""

        def remote(*arguments: Any, **keywords: Any) -> Any:
            return self.call(handle, arguments, keywords)

        remote.__name__ = remote.__qualname__ = name
        if signature is not None:
            remote.__signature__ = signature  # type: ignore[attr-defined]
        self.stubs[id(remote)] = (remote, handle, None)
        return remote

    def is_call(self, value: object) -> bool:
        """Whether it is a function here that calls the other side's."""
        return type(value) is types.FunctionType and self._home(value) is not None

    def call(self, handle: int, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Call the other side's function; what it raises is raised here.

        Arguments that it changed in place are changed here. Raises Refused for a value that may
        not cross, Unjudgeable for an argument changed into what cannot, Closed when the other side
        ends.
        """
        passed = [*arguments, *keywords.values()]
        encoder = self._encoder()
        with _no_collection():
            nodes = [encoder.encode(value) for value in passed]
            state = (random.getstate(), np.random.get_state()) if self.sends_random_state else None
            named = [[key, node] for key, node in zip(keywords, nodes[len(arguments) :])]  # noqa: B905
            tree = ["call", handle, nodes[: len(arguments)], named, encoder.encode(state)]
        self.send(tree, encoder.blocks)
        while True:
            (kind, *content), blocks = self.receive()
            try:
                if kind == "call":
                    self.serve(blocks, *content)
                elif kind == "return":
                    return self._returned(passed, blocks, *content)
                elif kind == "raise":
                    self._raise(blocks, *content)
                else:
                    raise Refused(f"a message of kind {str(kind)[:40]!r}")
            except Refused as error:
                self.refused = self.refused or str(error)
                raise

    def serve_all(self) -> None:
        """Answer calls until the other side closes. Raises Refused for any other message."""
        with contextlib.suppress(Closed):
            while True:
                (kind, *content), blocks = self.receive()
                if kind != "call":
                    raise Refused(f"a message of kind {kind!r}")
                self.serve(blocks, *content)

    def serve(
        self,
        blocks: list[memoryview],
        handle: int,
        arguments: list[Node],
        keywords: list[Node],
        state: Node,
    ) -> None:
        """Run one call and answer it."""
        decoder = self._decoder(blocks)
        if type(handle) is not int or not 0 <= handle < len(self.exports):
            raise Refused("a call of an unknown function")
        with _no_collection():
            values = decoder.each(arguments)
            pairs = [decoder.bare(pair) for pair in decoder.bare(keywords)]
            named = {decoder.text(key): decoder.decode(value) for key, value in pairs}
        if state is not None and not self.strict:
            own, numpys = decoder.decode(state)
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
            encoder = self._encoder(passed)
            with _no_collection():
                changed = [
                    [position, encoder.encode(passed[position], afresh=True)]
                    for position in changes
                ]
                answer: Node = ["return", encoder.encode(result), changed]
        except Closed:
            raise
        except BaseException as error:
            encoder, answer = self._encoder(), self._raised(error)
        answer.append(output.getvalue()[:_MAX_OUTPUT])
        try:
            self.send(answer, encoder.blocks)
        except MemoryError as error:  # its bytes take as much again as the value
            self.send([*self._raised(error), ""])

    def _raised(self, error: BaseException) -> Node:
        classes = [b for b in type(error).__mro__ if b is not object and trusted.is_plain(b)]
        names = [[b.__module__, b.__qualname__] for b in classes]
        arguments = [
            argument if type(argument) in _ARGUMENTS else None for argument in error.args[:9]
        ]
        whole = len(arguments) == len(error.args) and all(
            type(argument) in _ARGUMENTS for argument in error.args
        )
        return [
            "raise",
            names,
            arguments if whole else None,
            _message(error),
            *self.describe(error),
        ]

    def send(self, tree: Node, blocks: Sequence[bytes] = ()) -> None:
        """Raises Closed."""
        if os.getpid() != self.owner:
            os._exit(0)  # a fork of the program that came back here has no say
        with _no_collection():
            data = pack(tree, blocks)
        try:
            for part in (struct.pack("!Q", len(data)), data):
                view = memoryview(part)
                while view:
                    view = view[self.stream.write(view) or 0 :]
        except OSError:
            self.closed = True
            raise Closed from None

    def receive(self) -> tuple[list[Node], list[memoryview]]:
        """The next message and its blocks. Raises Closed, and Refused for bytes that are none."""
        (size,) = struct.unpack("!Q", self._read(8))
        if size > _MAX_MESSAGE:
            raise Refused("bytes that are no message")
        with _no_collection():
            message, blocks = unpack(self._read(size))
        if type(message) is not list or not message:
            raise Refused("bytes that are no message")
        return message, blocks

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
        self,
        passed: list[Any],
        blocks: list[memoryview],
        result: Node,
        changed: list[Node],
        output: str,
    ) -> Any:
        decoder = self._decoder(blocks, passed)
        with _no_collection():
            for pair in decoder.bare(changed):
                position, content = decoder.bare(pair)
                place = decoder.integer(position, 0, len(passed) - 1)
                fresh = decoder.decode(content)
                if type(fresh) is Opaque:
                    what = f"an argument changed into {what_of(fresh)}"
                    self._report(what)
                    raise Unjudgeable(what)
                take_over(passed[place], fresh)
            value = decoder.decode(result)
        sys.stdout.write(decoder.text(output)[:_MAX_OUTPUT])
        return value

    def _raise(
        self,
        blocks: list[memoryview],
        names: Node,
        arguments: Node,
        message: Node,
        outcome: Node,
        detail: Node,
        output: Node,
    ) -> NoReturn:
        decoder = self._decoder(blocks)
        sys.stdout.write(decoder.text(output)[:_MAX_OUTPUT])
        values = decoder.optional(decoder.bare, arguments)
        if values is not None and any(type(value) not in _ARGUMENTS for value in values):
            raise Refused("an exception of something else than plain values")
        pairs = [decoder.bare(pair) for pair in decoder.bare(names)]
        known = [(decoder.text(module), decoder.text(name)) for module, name in pairs]
        error = _exception(known, values, decoder.text(message))
        error.judged = (decoder.text(outcome), decoder.text(detail))  # type: ignore[attr-defined]
        raise error

    def _encoder(self, passed: Sequence[object] = ()) -> Encoder:
        return Encoder(self.export, self._home, passed, open_=self.strict)

    def _decoder(self, blocks: list[memoryview], passed: Sequence[object] = ()) -> Decoder:
        return Decoder(
            blocks,
            self.stub,
            self.exports.__getitem__,
            passed=passed,
            strict=self.strict,
            report=self._report,
            remember=self._remember,
        )

    def _report(self, what: str) -> None:
        self.unjudgeable = self.unjudgeable or what

    def _remember(self, record: Any, handle: int) -> None:
        self.stubs[id(record)] = (record, handle, dict(vars(record)))

    def _home(self, value: object) -> int | None:
        known = self.stubs.get(id(value))
        if known is None or (known[2] is not None and known[2] != vars(known[0])):
            return None
        return known[1]

    def _content(self, value: Any) -> bytes | None:
        """What a changed argument is told by; None for one that cannot change."""
        if isinstance(
            value, _IMMUTABLE + ENDING + LAZY
        ):  # to look into an iterator is to use it up
            return None
        encoder = self._encoder()
        with _no_collection():
            node = encoder.encode(value)
            return pack(node, encoder.blocks)


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


def _exception(names: list[tuple[str, str]], arguments: Any, message: str) -> Exception:
    """An exception of the first class named that its arguments, or a message, make."""
    for module, qualname in names:
        cls = trusted.plain_class(module, qualname)
        # As in a generator (PEP 479): it would end a test's loop over calls as if it were done.
        if issubclass(cls, Exception) and not issubclass(cls, StopIteration | StopAsyncIteration):
            for given in (arguments, [message]):
                with contextlib.suppress(Exception):
                    if given is not None:
                        return cls(*given)
    return RuntimeError(message)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # a program's own exception may fail to print
        return ""
