"""Which names may cross by themselves: plain classes, exceptions, and names that a program's
module lends its test."""

import functools
import importlib
import sys
from collections.abc import Iterable
from typing import Any

from ketune.judge.inside.wire import Refused

# Classes that are values themselves: what a list may be asked for, a dtype, an exception to expect.
_PLAIN = {"bool", "int", "float", "complex", "str", "bytes", "list", "tuple", "dict", "set"}
# Libraries whose exceptions a test may expect, and whose names a module may lend it.
_LIBRARIES = {
    *("qiskit", "qiskit_aer", "qiskit_ibm_runtime", "qiskit_experiments", "rustworkx", "networkx"),
    *("numpy", "scipy", "matplotlib", "mpl_toolkits", "sympy", "pandas", "PIL"),
}
_LENDERS = _LIBRARIES | {
    *("math", "cmath", "itertools", "functools", "collections", "random", "typing", "fractions"),
    *("operator", "re", "json", "string", "statistics", "decimal", "time", "datetime", "copy"),
    *("dataclasses", "enum", "warnings", "io", "os", "sys"),
}
_SHORT = {
    "numpy": "np",
    "matplotlib.pyplot": "plt",
    "networkx": "nx",
    "rustworkx": "rx",
    "pandas": "pd",
    "sympy": "sp",
    "matplotlib": "mpl",
}
# Where names that a test uses come from; one that the program defines itself would be another.
_HOMES = (
    *("qiskit", "qiskit.quantum_info", "qiskit.circuit", "qiskit.circuit.library"),
    *("qiskit.primitives", "qiskit.transpiler", "qiskit.result", "qiskit_aer"),
    *("math", "cmath", "numpy", "numpy.testing"),
)
# Special methods of the test's own objects that a program gets to call.
OPERATORS = {"__call__", "__len__", "__getitem__", "__iter__", "__contains__", "__eq__", "__str__"}


def is_special(name: str) -> bool:
    """Whether it is a name that the language or NumPy looks up, as __array_interface__, which has
    memory at any address read."""
    return name.startswith("__") and name.endswith("__")


def is_behaviour(value: object) -> bool:
    """Whether it can be called, but for operators and states: Qiskit composes what calls them, and
    they hold matrices alone."""
    return callable(value) and not str(type(value).__module__).startswith("qiskit.quantum_info.")


def is_plain(cls: type) -> bool:
    """Whether the class itself may cross as a value, by its own true name."""
    return plain_classes().get((str(cls.__module__), str(cls.__qualname__))) is cls


def plain_class(module: str, qualname: str) -> type:
    """The class so named. Raises Refused unless it is plain."""
    found = plain_classes().get((module, qualname))
    if found is None:
        raise Refused(f"the class {module[:40]}.{qualname[:40]}")
    return found


@functools.cache
def plain_classes() -> dict[tuple[str, str], type]:
    """Plain types of Python and NumPy, and the exceptions of Python and of known libraries, as
    they are before any program ran."""
    import builtins  # noqa: PLC0415

    import numpy as np  # noqa: PLC0415

    found = [getattr(builtins, name) for name in _PLAIN]
    pending: list[type] = [np.generic, BaseException]
    known: set[type] = set()
    while pending:
        cls = pending.pop()
        if cls not in known:
            known.add(cls)
            pending += cls.__subclasses__()
            if str(cls.__module__).partition(".")[0] in {"builtins", *_LIBRARIES}:
                found.append(cls)
    return {(cls.__module__, cls.__qualname__): cls for cls in found}


def is_importable(cls: type) -> bool:
    """Whether the class is what its module, other than the program's or the test's, has by its
    name."""
    module = sys.modules.get(str(cls.__module__))
    if module is None or cls.__module__ in {"solution", "test", "__main__"}:
        return False
    found: Any = module
    for name in str(cls.__qualname__).split("."):
        found = getattr(found, name, None)
    return found is cls


def library(module: str, name: str, alias: str) -> Any:
    """What a program imported as `alias`: a module ("" for `name`), or a name of one.

    Raises Refused unless it is of a known library and called by its own name or the usual one, so
    that a program cannot lend the test something else under a name that the test uses.
    """
    usual = name == alias if name else alias in {module.rpartition(".")[2], _SHORT.get(module)}
    private = any(part.startswith("_") or part == "conftest" for part in module.split("."))
    if (
        not usual
        or is_special(name)
        or module.partition(".")[0] not in _LENDERS
        or (private and module not in sys.modules)
    ):
        raise Refused(f"{module} {name} as {alias}")
    try:
        found = importlib.import_module(module)
        return getattr(found, name) if name else found
    except (ImportError, AttributeError):
        raise Refused(f"{module} {name}") from None


def is_a_librarys(name: str, value: object) -> bool:
    """Whether a test that takes this name from the program means what a library calls so, and this
    is another value. Its own, as of pi, is no other."""
    found = [vars(sys.modules[home])[name] for home in _HOMES if name in _names(home)]
    if any(type(own) is type(value) is float and own == value for own in found):
        return False
    return bool(found) or name in _SHORT.keys() | _SHORT.values() | _LENDERS


def _names(module: str) -> Iterable[str]:
    return vars(sys.modules[module]) if module in sys.modules else ()
