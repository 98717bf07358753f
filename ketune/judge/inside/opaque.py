"""What stands in one process for a value of the other that cannot cross."""

from collections.abc import Callable
from typing import Any, NoReturn

# What the language, or a library, looks up on a class to use its objects, without the underscores.
SPECIAL = (
    *("call", "eq", "ne", "lt", "le", "gt", "ge", "hash", "bool", "len", "iter", "next"),
    *("getitem", "setitem", "delitem", "contains", "repr", "str", "format", "bytes", "int"),
    *("float", "complex", "index", "round", "trunc", "floor", "ceil", "abs", "neg", "pos"),
    *("invert", "add", "radd", "sub", "rsub", "mul", "rmul", "matmul", "rmatmul"),
    *("truediv", "rtruediv", "floordiv", "rfloordiv", "mod", "rmod", "divmod", "rdivmod"),
    *("pow", "rpow", "and", "rand", "or", "ror", "xor", "rxor", "lshift", "rlshift"),
    *("rshift", "rrshift", "enter", "exit", "setattr", "delattr", "reduce_ex", "reversed"),
    *("dir", "await", "aiter", "anext", "iadd", "isub", "imul", "imatmul", "itruediv"),
    *("ifloordiv", "imod", "ipow", "iand", "ior", "ixor", "ilshift", "irshift", "array"),
    *("array_ufunc", "array_function", "copy", "deepcopy", "fspath", "length_hint"),
)


class Unjudgeable(BaseException):
    """A value that cannot cross was used. No test takes a BaseException for an answer."""


class Opaque:
    """A value left in the other process: it may be held, and passed back. Any use of it raises."""

    __slots__ = ("_handle", "_report", "_what")

    def __init__(self, handle: int, what: str, report: Callable[[str], None]) -> None:
        object.__setattr__(self, "_handle", handle)
        object.__setattr__(self, "_what", what)
        object.__setattr__(self, "_report", report)

    def __getattribute__(self, name: str) -> Any:
        refuse(self)


def handle_of(value: Opaque) -> int:
    """Its number in the other process."""
    handle: int = object.__getattribute__(value, "_handle")
    return handle


def what_of(value: Opaque) -> str:
    """What it stands for, in words."""
    what: str = object.__getattribute__(value, "_what")
    return what


def refuse(value: Opaque, *_: object, **__: object) -> NoReturn:
    """Raise Unjudgeable."""
    what = what_of(value)
    # Noted as well as raised: a test may catch everything.
    object.__getattribute__(value, "_report")(what)
    raise Unjudgeable(what)


for _name in SPECIAL:
    setattr(Opaque, f"__{_name}__", refuse)
