"""Which classes a value from the program may have, and what its attributes may hold.

The program chooses every byte of a value, so an object is rebuilt only if it then behaves as its
class says: no class of the program's own, no attribute that takes a method's place, nothing
callable where the class itself stores no such thing.
"""

import dis
import enum
import functools
import importlib
import itertools
import sys
import types
from collections.abc import Mapping
from types import CodeType
from typing import Any

import numpy as np

# Their objects are data whose meaning their own code gives. Part by part ("." is the package's own
# module): elsewhere in them are classes that start programs, write code, and read settings. Absent
# on purpose are qiskit_experiments, whose states hold pickles, and SymPy, which evaluates strings.
_PACKAGES = {
    "qiskit": "_accelerate circuit dagcircuit passmanager primitives providers quantum_info result "
    "synthesis transpiler visualization",
    "qiskit_aer": "backends jobs library noise primitives quantum_info",
    "qiskit_ibm_runtime": "base_primitive batch estimator execution_span executor fake_provider "
    "ibm_backend models noise_learner options sampler session transpiler",
    "rustworkx": ". rustworkx",
    "networkx": "classes",
    "mpl_toolkits": "axes_grid1 axisartist mplot3d",
    "matplotlib": "_enums artist axes axis backend_bases category cbook cm collections colorbar "
    "colorizer colors container contour dates figure gridspec hatch image layout_engine legend "
    "legend_handler lines markers offsetbox patches path patheffects projections quiver scale "
    "spines table text textpath ticker transforms tri units",
}
_CLASSES = {
    "builtins": {"object", "range", "slice", "complex", "bytearray"},
    "collections": {"OrderedDict", "defaultdict", "Counter", "deque"},
    "datetime": {"datetime", "date", "time", "timedelta", "timezone"},
    "dateutil.tz.tz": {"tzutc", "tzoffset", "tzlocal"},
    "decimal": {"Decimal"},
    "fractions": {"Fraction"},
    "uuid": {"UUID", "SafeUUID"},
    # A plugin without a state, which every preset pass manager holds once it is installed.
    "qiskit_experiments.library.randomized_benchmarking.clifford_synthesis": {
        "RBDefaultCliffordSynthesis"
    },
    "matplotlib.backends.backend_agg": {"FigureCanvasAgg"},
    "matplotlib.font_manager": {"FontProperties"},
}
# Whose job it is to call a function that they were given.
_HOLDERS = {
    "collections": {"defaultdict"},
    "matplotlib.ticker": {"FuncFormatter"},
    "qiskit.providers.job": {"Job"},
    "qiskit.primitives.base.base_primitive_job": {"BasePrimitiveJob"},
    "qiskit.passmanager.flow_controllers": {"ConditionalController", "DoWhileController"},
    "qiskit_aer.noise.passes.local_noise_pass": {"LocalNoisePass"},
}
# Classes that are values themselves: what a list may be asked for, a dtype, an exception to expect.
_PLAIN = {"bool", "int", "float", "complex", "str", "bytes", "list", "tuple", "dict", "set"}
# Libraries whose names a program's module may lend the test, and the usual short names.
_LENDERS = {*_PACKAGES, "numpy", "scipy", "math", "cmath", "itertools", "functools", "collections"}
_STORE_ATTR, _EXTENDED_ARG = dis.opmap["STORE_ATTR"], dis.opmap["EXTENDED_ARG"]
_SHORT = {"numpy": "np", "matplotlib.pyplot": "plt", "networkx": "nx", "rustworkx": "rx"}


class Refused(Exception):
    """The value is not one that may cross. One line: what it holds."""


def is_trusted(cls: type) -> bool:
    """Whether objects of exactly this class may cross."""
    if cls.__qualname__ in _CLASSES.get(cls.__module__, ()):
        return True
    return _is_known(cls.__module__) or (
        issubclass(cls, BaseException) and str(cls.__module__).partition(".")[0] in _PACKAGES
    )


def _is_known(module: object) -> bool:
    package, part, *rest = *str(module).split("."), "."
    return part in _PACKAGES.get(package, "").split() and "tests" not in rest


def may_hold_functions(cls: type) -> bool:
    """Whether objects of the class may hold functions of the program's: which calls one gets, and
    what it may answer, is then part of what the object does."""
    # A transpiler pass is behaviour anyway: what it does with a circuit is what a test looks at.
    if str(cls.__module__).startswith("qiskit.transpiler.passes."):
        return True
    return any(base.__qualname__ in _HOLDERS.get(base.__module__, ()) for base in cls.__mro__)


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
    if isinstance(value, types.FunctionType):
        return is_artist(value) and _is_known(value.__module__)
    return isinstance(value, type(np.mean))


def resolve(module: str, qualname: str) -> type:
    """The class so named. Raises Refused unless it is trusted or plain."""
    found = _find(module, qualname)
    # Asked by its own name: a module also holds what it imports.
    if isinstance(found, type) and (is_trusted(found) or is_plain(found)):
        return found
    raise Refused(f"{module}.{qualname}")


def resolve_function(module: str, qualname: str) -> Any:
    """The function so named. Raises Refused unless it is one that figures hold."""
    found = _find(module, qualname)
    if is_library_function(found):
        return found
    raise Refused(f"the function {module}.{qualname}")


def _find(module: str, qualname: str) -> Any:
    """What has this name in a module, which is imported only where its classes are trusted: others
    do things when they are."""
    if module not in sys.modules and _is_known(module):
        try:
            importlib.import_module(module)
        except ImportError:
            raise Refused(f"{module} cannot be imported") from None
    found: Any = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


def library(module: str, name: str, alias: str) -> Any:
    """What a program imported as `alias`: a module ("" for `name`), or a name of one.

    Raises Refused unless it is of a known library and called by its own name or the usual one, so
    that a program cannot lend the test something else under a name that the test uses.
    """
    usual = name == alias if name else alias in {module.rpartition(".")[2], _SHORT.get(module)}
    private = any(part.startswith("_") or part == "conftest" for part in module.split("."))
    if (
        not usual
        or module.partition(".")[0] not in _LENDERS
        or (private and module not in sys.modules)
    ):
        raise Refused(f"{module} {name} as {alias}")
    try:
        found = importlib.import_module(module)
        return getattr(found, name) if name else found
    except (ImportError, AttributeError):
        raise Refused(f"{module} {name}") from None


def is_a_librarys(name: str) -> bool:
    """Whether a test that takes this name from the program means what a library calls so."""
    homes = ("qiskit", "qiskit.quantum_info", "qiskit.circuit", "qiskit.circuit.library")
    return name in _SHORT.values() or any(hasattr(sys.modules.get(home), name) for home in homes)


def check_attributes(instance: object) -> None:
    """Raise Refused if an attribute of a rebuilt object makes it behave unlike its class."""
    cls: Any = type(instance)
    if issubclass(cls, enum.Enum):
        return
    artist = is_artist(cls)
    for key, value in getattr(instance, "__dict__", {}).items():
        # Code beside them gives artists private callables and methods of other artists.
        inherited = _inherited(cls, key)
        if artist and (key.startswith("_") or inherited is not None) and not is_special(key):
            continue
        own = key in _stored(cls)
        if not own and (callable(value) or is_special(key) or _hides(inherited)):
            raise Refused(f"{cls.__qualname__}.{key}, which the class does not set")
        if callable(value) and _is_behaviour(inherited):
            raise Refused(f"{cls.__qualname__}.{key} in the place of the class's own")
    if hasattr(cls, "__getattr__"):
        _check_fields(instance)


def _check_fields(instance: Any) -> None:
    """Raise Refused if a mapping, whose keys the object offers as attributes, holds callables."""
    slots = itertools.chain.from_iterable(
        vars(b).get("__slots__", ()) for b in type(instance).__mro__
    )
    held = [
        *getattr(instance, "__dict__", {}).values(),
        *(getattr(instance, s, None) for s in slots),
    ]
    for mapping in held:
        if isinstance(mapping, Mapping) and any(callable(value) for value in mapping.values()):
            raise Refused(f"{type(instance).__qualname__} with something callable in it")


def is_special(name: str) -> bool:
    """Whether it is a name that the language or NumPy looks up, as __array_interface__, which has
    memory at any address read."""
    return name.startswith("__") and name.endswith("__")


def _root(cls: type) -> str:
    return str(cls.__module__).partition(".")[0]


def _inherited(cls: type, key: str) -> Any:
    for base in cls.__mro__:
        if key in vars(base):
            return vars(base)[key]
    return None


def _hides(attribute: Any) -> bool:
    """Whether an instance's attribute of the same name would replace it, be it a constant.

    A data descriptor (property, slot) wins over the instance; a cached property stores there.
    """
    if attribute is None or isinstance(attribute, functools.cached_property):
        return False
    return not hasattr(type(attribute), "__set__")


def _is_behaviour(attribute: Any) -> bool:
    """Whether it is a method or the like, which an instance's attribute would replace."""
    return _hides(attribute) and (callable(attribute) or hasattr(type(attribute), "__get__"))


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
    """Names of the attributes that a function's code assigns, and that of functions within.

    Instructions are two bytes, an operation and the low byte of its argument (`dis`, which takes
    a hundred milliseconds for the classes of one circuit).
    """
    names: set[str] = set()
    operations, arguments = code.co_code[::2], code.co_code[1::2]
    position = operations.find(_STORE_ATTR)
    while position >= 0:
        argument, prefix, shift = arguments[position], position - 1, 8
        while prefix >= 0 and operations[prefix] == _EXTENDED_ARG:
            argument |= arguments[prefix] << shift
            prefix, shift = prefix - 1, shift + 8
        names.add(code.co_names[argument])
        position = operations.find(_STORE_ATTR, position + 1)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _assigned(constant)
    return names
