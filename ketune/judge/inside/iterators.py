"""Iterators across the two processes: each item is made when it is asked for, as there may be no
end of them."""

import itertools
import types
from collections.abc import Callable, Generator, Iterator
from typing import Any

from ketune.judge.inside.opaque import Unjudgeable
from ketune.judge.inside.wire import Refused

_NO_ITEMS: dict[str, str] = {}
# Over containers: what is left of them crosses at once.
ENDING = tuple(
    type(iterator)
    for iterator in (
        *map(iter, ([], (), _NO_ITEMS, set(), range(0), _NO_ITEMS.values(), _NO_ITEMS.items())),
        *(reversed([]), iter(""), iter(b"")),
    )
)
LAZY = (
    *(types.GeneratorType, map, filter, zip, enumerate, reversed),
    *(cls for cls in vars(itertools).values() if hasattr(cls, "__next__")),
)
_ATOMS = (type(None), bool, int, float, complex, str, bytes)
_EXACT = 8  # items that are fetched one by one, at first; later an eighth of all before
_MOST = 10_000  # items fetched at once


class Source:
    """An iterator, for the other side to fetch from."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        self.iterator = iterator
        self.error: Exception | None = None  # what came after the items that were fetched last

    def __call__(self, count: int) -> tuple[list[Any], bool]:
        """At most `count` items, and whether there may be more. An item that may change until the
        next is the last of them."""
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        count, items = min(count, _MOST), []
        try:
            for item in itertools.islice(self.iterator, count):
                items.append(item)
                if not _is_constant(item):
                    return items, True
        except Exception as error:
            if not items:
                raise
            self.error = error
            return items, True
        return items, len(items) == count


def remote_items(
    fetch: Callable[[int], Any], report: Callable[[str], None]
) -> Generator[Any, Any, None]:
    """Items that the other side's `Source` gives. Raises Refused, and Unjudgeable where something
    is sent or thrown into a generator."""
    taken, more = 0, True
    while more:
        answer = fetch(min(1 + taken // _EXACT, _MOST))
        if type(answer) is not tuple or [type(part) for part in answer] != [list, bool]:
            raise Refused(f"a {type(answer).__name__} for items of an iterator")
        items, more = answer
        if more and not items:
            raise Refused("an iterator that goes on without items")
        taken += len(items)
        for item in items:
            try:
                sent = yield item
            except Exception as error:
                sent = error
            if sent is not None:
                report("what is sent into a generator")
                raise Unjudgeable("what is sent into a generator")


def _is_constant(item: Any) -> bool:
    return type(item) in _ATOMS or (
        type(item) is tuple and all(type(part) in _ATOMS for part in item)
    )
