"""The closed list of types that cross between the two processes, a module a subject.

A value is taken apart by the function of its type in one process and made again, by another that
was written with a hostile program in mind, in the other. docs/judge.md has the list as a table, why
each function is safe, and how to add a type.
"""

import functools
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_SUBJECTS = (
    *("standard", "arrays", "parameters", "expressions", "gates", "control", "circuits"),
    *("operators", "results", "targets", "noise", "devices", "passes", "graphs", "tables"),
    *("pictures", "figures"),
)
_BITS = {"Qubit", "AncillaQubit", "Clbit"}


@dataclass(frozen=True)
class Kind:
    """A type on the list.

    `take(value, encoder)` gives the parts of a value, each a node; `make(decoder, *parts)` checks
    them and makes a new object, which must be exactly of one of `classes` or `results`; of a kind
    with results it may be of another class than the value.
    `update(existing, fresh)` gives an object that the test holds the content of a fresh one, where
    its attributes do not tell it all. A subclass that defines one of `unless` is not taken so.
    Objects of classes that are made for them derive from `stand_in`.
    """

    tag: str
    classes: tuple[type, ...]
    take: Callable[[Any, Any], Sequence[Any]]
    make: Callable[..., Any]
    update: Callable[[Any, Any], None] | None = None
    results: tuple[type, ...] = ()
    unless: tuple[str, ...] = ()
    stand_in: type | None = None


@dataclass(frozen=True)
class Registry:
    """Every kind, by the class of its objects and by its tag."""

    by_class: dict[type, Kind]
    by_tag: dict[str, Kind]
    bits: frozenset[type]  # whose objects are the same when they are equal


@functools.cache
def registry() -> Registry:
    """The closed list. It imports the libraries whose types it names."""
    kinds = [
        kind
        for subject in _SUBJECTS
        for kind in importlib.import_module(f"{__name__}.{subject}").KINDS
    ]
    return Registry(
        {cls: kind for kind in kinds for cls in kind.classes},
        {kind.tag: kind for kind in kinds},
        frozenset(cls for kind in kinds if kind.tag in _BITS for cls in kind.classes),
    )
