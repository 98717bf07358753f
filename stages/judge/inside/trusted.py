"""Which classes a value from the program may have, and what its attributes may hold.

The program chooses every byte of a value, so an object is rebuilt only if it then behaves as its
class says: no class of the program's own, no attribute that takes a method's place, nothing
callable where the class itself stores no such thing.
"""

import dis
import enum
import functools
import importlib
import sys
import types
from types import CodeType
from typing import Any

import numpy as np

# Their objects are data whose meaning their own code gives.
_PACKAGES = {
    "qiskit",
    "qiskit_aer",
    "qiskit_ibm_runtime",
    "qiskit_experiments",
    "rustworkx",
    "matplotlib",
    "mpl_toolkits",
    "networkx",
}
# SymPy is absent on purpose: its constructors evaluate strings.
_CLASSES = {
    "builtins": {
        "object",
        "range",
        "slice",
        "complex",
        "bytearray",
        "ellipsis",
        "NotImplementedType",
    },
    "collections": {"OrderedDict", "defaultdict", "Counter", "deque"},
    "datetime": {"datetime", "date", "time", "timedelta", "timezone"},
    "dateutil.tz.tz": {"tzutc", "tzoffset", "tzlocal"},
    "decimal": {"Decimal"},
    "fractions": {"Fraction"},
    "uuid": {"UUID", "SafeUUID"},
    "scipy.sparse._csr": {"csr_matrix", "csr_array"},
    "scipy.sparse._csc": {"csc_matrix", "csc_array"},
    "scipy.sparse._coo": {"coo_matrix", "coo_array"},
}
# Classes that are values themselves: what a list may be asked for, a dtype, an exception to expect.
_PLAIN = {"bool", "int", "float", "complex", "str", "bytes", "list", "tuple", "dict", "set"}
# Libraries whose names a program's module may lend the test, and the usual short names.
_LENDERS = _PACKAGES | {"numpy", "scipy", "math", "cmath", "itertools", "functools", "collections"}
_SHORT = {"numpy": "np", "matplotlib.pyplot": "plt", "networkx": "nx", "rustworkx": "rx"}


class Refused(Exception):
    """The value is not one that may cross. One line: what it holds."""


def is_trusted(cls: type) -> bool:
    """Whether objects of exactly this class may cross."""
    return _root(cls) in _PACKAGES or cls.__qualname__ in _CLASSES.get(cls.__module__, ())


def is_plain(cls: type) -> bool:
    """Whether the class itself may cross as a value, wherever it stands."""
    if cls.__module__ == "builtins":
        return cls.__qualname__ in _PLAIN or issubclass(cls, BaseException)
    return _root(cls) == "numpy" and any(base.__name__ == "generic" for base in cls.__mro__)


def is_artist(named: Any) -> bool:
    """Whether a class or function is of matplotlib, whose figures are full of callables."""
    return str(getattr(named, "__module__", "")).startswith(("matplotlib.", "mpl_toolkits."))


def is_library_function(value: Any) -> bool:
    """Whether it is a function that figures hold: matplotlib's own or NumPy's."""
    known = isinstance(value, types.FunctionType) and is_artist(value)
    return known or isinstance(value, type(np.mean))


def resolve(module: str, qualname: str) -> type:
    """The class so named. Raises Refused unless it is trusted or plain."""
    if module.partition(".")[0] in _PACKAGES and module not in sys.modules:
        try:
            importlib.import_module(module)
        except ImportError:
            raise Refused(f"{module} cannot be imported") from None
    found: Any = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    # Asked by its own name: a module also holds what it imports.
    if isinstance(found, type) and (is_trusted(found) or is_plain(found)):
        return found
    raise Refused(f"{module}.{qualname}")


def library(module: str, name: str, alias: str) -> Any:
    """What a program imported as `alias`: a module ("" for `name`), or a name of one.

    Raises Refused unless it is of a known library and called by its own name or the usual one, so
    that a program cannot lend the test something else under a name that the test uses.
    """
    usual = name == alias if name else alias in {module.rpartition(".")[2], _SHORT.get(module)}
    if not usual or module.partition(".")[0] not in _LENDERS:
        raise Refused(f"{module} {name} as {alias}")
    try:
        found = importlib.import_module(module)
        return getattr(found, name) if name else found
    except (ImportError, AttributeError):
        raise Refused(f"{module} {name}") from None


def check_attributes(instance: object) -> None:
    """Raise Refused if an attribute of a rebuilt object makes it behave unlike its class."""
    cls: Any = type(instance)
    if issubclass(cls, enum.Enum):
        return
    for key, value in getattr(instance, "__dict__", {}).items():
        if not callable(value):
            continue
        inherited = _inherited(cls, key)
        # Code beside them gives artists private callables and methods of other artists.
        borrowed = is_artist(cls) and (key.startswith("_") or inherited is not None)
        if key not in _stored(cls) and not borrowed:
            raise Refused(f"{cls.__qualname__}.{key} holds something callable")
        if _is_behaviour(inherited) and not borrowed:
            raise Refused(f"{cls.__qualname__}.{key} in the place of the class's own")


def _root(cls: type) -> str:
    return str(cls.__module__).partition(".")[0]


def _inherited(cls: type, key: str) -> Any:
    for base in cls.__mro__:
        if key in vars(base):
            return vars(base)[key]
    return None


def _is_behaviour(attribute: Any) -> bool:
    """A method or the like, which an instance's attribute of the same name would replace.

    A data descriptor (property, slot) wins over the instance; a cached property stores there.
    """
    if attribute is None or isinstance(attribute, functools.cached_property):
        return False
    if hasattr(type(attribute), "__set__"):
        return False
    return callable(attribute) or hasattr(type(attribute), "__get__")


@functools.cache
def _stored(cls: type) -> frozenset[str]:
    """Names of the attributes that the code of the class and its bases assigns."""
    names: set[str] = set()
    for base in cls.__mro__:
        names |= set(getattr(base, "__annotations__", ()))
        for attribute in vars(base).values():
            functions = (
                [attribute.fget, attribute.fset] if isinstance(attribute, property) else [attribute]
            )
            for function in functions:
                plain = getattr(function, "__func__", function)
                code = getattr(getattr(plain, "__wrapped__", plain), "__code__", None)
                if isinstance(code, CodeType):
                    names |= _assigned(code)
    return frozenset(names)


def _assigned(code: CodeType) -> set[str]:
    names = {str(i.argval) for i in dis.get_instructions(code) if i.opname == "STORE_ATTR"}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _assigned(constant)
    return names
