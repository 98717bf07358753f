"""Makes objects from the parts that `encode` took them apart into, and nothing but such objects."""

import sys
import types
from typing import Any

import numpy as np
import scipy.sparse

from ketune.judge.inside.trusted import Refused

_BIT_GENERATORS = {"PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"}
_SPARSE = {
    f"{form}_{kind}"
    for form in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil")
    for kind in ("array", "matrix")
}


def make(cls: Any, how: tuple[str, ...], arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """A new object of `cls`. Raises Refused if another way or thing comes out.

    `how` is ("new" | "call" | "static", module, qualified name, for "static" a method's name).
    """
    kind, _, qualname, *rest = how
    if kind == "new":
        result = cls.__new__(cls, *arguments, **keywords)
    elif kind == "call":
        result = cls(*arguments, **keywords)
    else:
        function = getattr(cls, rest[0], None) if kind == "static" and rest else None
        # type's own methods, as mro, and dunders answer of any class.
        if not isinstance(function, types.BuiltinFunctionType) or hasattr(type, rest[0]):
            raise Refused(f"{qualname} made by {kind} {rest}")
        result = function(*arguments, **keywords)
    if not isinstance(result, cls):
        raise Refused(f"a {type(result).__name__} made as {qualname}")
    return result


def is_shared(value: object) -> bool:
    """Whether something else than the caller's one variable holds it, as an enum its members and a
    gate's class its only instance: its state is not the program's to set."""
    return sys.getrefcount(value) > 3  # the caller's variable, `value` here, getrefcount's argument


def same_type(fresh: Any, existing: Any) -> Any:
    """`existing`. Raises Refused unless it is of the class of `fresh`."""
    if type(fresh) is not type(existing):
        raise Refused(f"a {type(fresh).__name__} in the place of a {type(existing).__name__}")
    return existing


def restore(instance: Any, state: Any, *, replace: bool) -> None:
    """Give an object its state, as pickle does (PEP 307, and PEP 3154 for slots)."""
    if replace and hasattr(instance, "__dict__"):
        vars(instance).clear()
    if state is None:
        return
    setter = getattr(instance, "__setstate__", None)
    if setter is not None:
        setter(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        vars(instance).update({str(key): value for key, value in attributes.items()})
    for key, value in (slots or {}).items():
        if not any(key in _slots(base) for base in type(instance).__mro__):
            raise Refused(f"{type(instance).__name__} has no slot {key}")
        setattr(instance, key, value)


def _slots(cls: type) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def plain_dtype(kind: Any) -> Any:
    """The dtype of a description. Raises Refused for one that holds addresses."""
    dtype = np.dtype(kind)
    if dtype.hasobject:
        raise Refused("an array of addresses")
    return dtype


def random_generator(algorithm: str, state: Any) -> np.random.Generator:
    """A generator that goes on from `state`. Raises Refused for an unknown algorithm."""
    if algorithm not in _BIT_GENERATORS:
        raise Refused(f"a random generator by {algorithm}")
    bits = getattr(np.random, algorithm)()
    bits.state = state
    return np.random.Generator(bits)


def sparse(name: str, shape: tuple[int, ...], data: Any, coordinates: tuple[Any, ...]) -> Any:
    """A SciPy matrix or array. Made from coordinates, whose bounds SciPy checks: indices out of
    bounds in the compressed formats would have its native code read and write other memory."""
    if name not in _SPARSE:
        raise Refused(f"a sparse matrix {name}")
    if not all(type(part) is np.ndarray for part in (data, *coordinates)):
        raise Refused("a sparse matrix of other things than arrays")
    form, _, kind = name.partition("_")
    entries = getattr(scipy.sparse, f"coo_{kind}")((data, coordinates), shape=shape)
    return entries.asformat(form)
