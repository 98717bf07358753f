"""Types of the standard library."""

import collections
import datetime
import decimal
import enum
import fractions
import io
import pathlib
import random
import types
import uuid
from collections.abc import Callable
from typing import Any

from qiskit.providers import JobStatus
from qiskit.transpiler.passes.layout.vf2_layout import VF2LayoutStopReason
from qiskit.transpiler.passes.layout.vf2_post_layout import VF2PostLayoutStopReason

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.wire import Node, Refused

_ENUMS: tuple[type[enum.Enum], ...] = (JobStatus, VF2LayoutStopReason, VF2PostLayoutStopReason)
_FACTORIES: dict[str, Callable[[], Any]] = {
    cls.__name__: cls for cls in (int, float, str, list, dict, set, tuple, bool, complex)
}
_WORDS = 625  # of a Mersenne Twister's state: 624 and the place of the next


def _mapping(decoder: Decoder, pairs: Node) -> dict[Any, Any]:
    content = [decoder.each(pair) for pair in decoder.bare(pairs)]
    found = dict(content)
    if len(found) != len(content):
        raise Refused("a mapping with keys that are equal")
    return found


def _counter(decoder: Decoder, pairs: Node) -> Any:
    return collections.Counter(_mapping(decoder, pairs))


def _take_defaultdict(value: Any, encoder: Encoder) -> list[Node]:
    factory, pairs = value.default_factory, encoder.pairs(value)
    name = None if factory is None else getattr(factory, "__name__", "")
    if name is None or _FACTORIES.get(name) is factory:
        return [name, 0, pairs]
    # What it gives for a missing key is a call, as any function's answer.
    return ["", encoder.export(factory), pairs]


def _make_defaultdict(decoder: Decoder, name: Node, handle: Node, pairs: Node) -> Any:
    if name is None:
        factory = None
    elif name == "":
        factory = decoder.stub(decoder.integer(handle), "default_factory")
    else:
        factory = _FACTORIES[decoder.choice(name, _FACTORIES)]
    return collections.defaultdict(factory, _mapping(decoder, pairs))


def _take_deque(value: Any, encoder: Encoder) -> list[Node]:
    return [value.maxlen, [encoder.encode(item) for item in value]]


def _make_deque(decoder: Decoder, limit: Node, items: Node) -> Any:
    return collections.deque(decoder.each(items), decoder.optional(decoder.integer, limit))


def _update_deque(existing: Any, fresh: Any) -> None:
    existing.clear()
    existing.extend(fresh)


def _take_zone(zone: Any) -> Node:
    """Its offset in seconds where it does not depend on the day, and its name."""
    if zone is None:
        return None
    offset = zone.utcoffset(None)
    if offset is None:
        raise Unencodable(f"the time zone {zone}")
    return [offset.total_seconds(), zone.tzname(None)]


def _make_zone(decoder: Decoder, zone: Node) -> datetime.timezone | None:
    if zone is None:
        return None
    seconds, name = decoder.bare(zone)
    offset = datetime.timedelta(seconds=decoder.real(seconds))
    if not offset:
        return datetime.UTC
    return datetime.timezone(offset, decoder.text(name)) if name else datetime.timezone(offset)


def _take_datetime(value: Any, _: Encoder) -> list[Node]:
    return [value.replace(tzinfo=None).isoformat(), value.fold, _take_zone(value.tzinfo)]


def _make_datetime(decoder: Decoder, text: Node, fold: Node, zone: Node) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(decoder.text(text))
    return moment.replace(fold=decoder.integer(fold, 0, 1), tzinfo=_make_zone(decoder, zone))


def _make_time(decoder: Decoder, text: Node, fold: Node, zone: Node) -> datetime.time:
    moment = datetime.time.fromisoformat(decoder.text(text))
    return moment.replace(fold=decoder.integer(fold, 0, 1), tzinfo=_make_zone(decoder, zone))


def _text(name: str, cls: Any, read: Callable[[str], Any] | None = None, also: Any = ()) -> Kind:
    """A type that its own text makes again."""
    make = read or cls
    return Kind(
        name,
        (cls, *also),
        lambda value, _: [str(value)],
        lambda decoder, text: make(decoder.text(text)),
    )


def _take_file(value: Any, encoder: Encoder) -> list[Node]:
    content = value.getvalue()
    return [encoder.block(content) if type(content) is bytes else content, value.tell()]


def _make_bytes_file(decoder: Decoder, content: Node, place: Node) -> io.BytesIO:
    file = io.BytesIO(decoder.raw(content))
    file.seek(decoder.integer(place))
    return file


def _make_text_file(decoder: Decoder, content: Node, place: Node) -> io.StringIO:
    file = io.StringIO(decoder.text(content))
    file.seek(decoder.integer(place))
    return file


def _update_file(existing: Any, fresh: Any) -> None:
    existing.seek(0)
    existing.truncate()
    existing.write(fresh.getvalue())
    existing.seek(fresh.tell())


def _make_random(decoder: Decoder, words: Node, gauss: Node) -> random.Random:
    made = random.Random(0)
    values = [decoder.integer(word, 0, (1 << 32) - 1) for word in decoder.bare(words)]
    if len(values) != _WORDS or values[-1] >= _WORDS:
        raise Refused("a random generator of another state")
    made.setstate((3, tuple(values), decoder.optional(decoder.real, gauss)))
    return made


def _take_random(value: Any, _: Encoder) -> list[Node]:
    version, words, gauss = value.getstate()
    if version != 3:
        raise Unencodable("random.Random")
    return [list(words), gauss]


def _update_random(existing: random.Random, fresh: random.Random) -> None:
    existing.setstate(fresh.getstate())


def _make_bytearray(decoder: Decoder, place: Node) -> bytearray:
    return bytearray(decoder.raw(place))


def _update_bytearray(existing: Any, fresh: Any) -> None:
    existing[:] = fresh


def _make_slice(decoder: Decoder, parts: Node) -> slice:
    start, stop, step = decoder.each(parts)
    return slice(start, stop, step)


def _enum(cls: Any) -> Kind:
    return Kind(
        cls.__name__,
        (cls,),
        lambda value, _: [value.name],
        lambda decoder, name: cls[decoder.choice(name, cls.__members__)],
    )


KINDS = [
    Kind(
        "bytearray",
        (bytearray,),
        lambda value, encoder: [encoder.block(bytes(value))],
        _make_bytearray,
        _update_bytearray,
    ),
    Kind(
        "range",
        (range,),
        lambda value, encoder: encoder.parts((value.start, value.stop, value.step)),
        lambda decoder, *bounds: range(*decoder.each(list(bounds))),
    ),
    Kind(
        "slice",
        (slice,),
        lambda value, encoder: [encoder.parts((value.start, value.stop, value.step))],
        _make_slice,
    ),
    Kind(
        "OrderedDict",
        (collections.OrderedDict,),
        lambda value, encoder: [encoder.pairs(value)],
        lambda decoder, pairs: collections.OrderedDict(_mapping(decoder, pairs)),
    ),
    Kind(
        "Counter",
        (collections.Counter,),
        lambda value, encoder: [encoder.pairs(value)],
        _counter,
    ),
    Kind("defaultdict", (collections.defaultdict,), _take_defaultdict, _make_defaultdict),
    Kind("deque", (collections.deque,), _take_deque, _make_deque, _update_deque),
    Kind("datetime", (datetime.datetime,), _take_datetime, _make_datetime),
    Kind("time", (datetime.time,), _take_datetime, _make_time),
    _text("date", datetime.date, datetime.date.fromisoformat),
    Kind(
        "timedelta",
        (datetime.timedelta,),
        lambda value, _: [value.days, value.seconds, value.microseconds],
        lambda decoder, *parts: datetime.timedelta(
            *(decoder.integer(part, -(1 << 31), 1 << 31) for part in parts)
        ),
    ),
    Kind(
        "timezone",
        (datetime.timezone,),
        lambda value, _: [_take_zone(value)],
        lambda decoder, zone: _make_zone(decoder, decoder.bare(zone)),
    ),
    _text("Decimal", decimal.Decimal),
    _text("Fraction", fractions.Fraction),
    _text("UUID", uuid.UUID),
    _text("Path", pathlib.PosixPath, also=(pathlib.PurePosixPath,)),
    Kind("BytesIO", (io.BytesIO,), _take_file, _make_bytes_file, _update_file),
    Kind("StringIO", (io.StringIO,), _take_file, _make_text_file, _update_file),
    Kind("Random", (random.Random,), _take_random, _make_random, _update_random),
    Kind(
        "SimpleNamespace",
        (types.SimpleNamespace,),
        lambda value, encoder: [
            [[name, encoder.encode(item)] for name, item in vars(value).items()]
        ],
        lambda decoder, pairs: types.SimpleNamespace(**decoder.names(pairs)),
    ),
    *map(_enum, _ENUMS),
]
