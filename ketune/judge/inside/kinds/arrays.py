"""Types of NumPy and SciPy."""

from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse

from ketune.judge.inside.decode import Decoder, plain_dtype
from ketune.judge.inside.encode import Encoder
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.wire import Node, Refused

_SCALARS = tuple(
    {np.dtype(code).type for code in np.typecodes["All"] if code not in "O"} | {np.bool_}
)
_SPARSE = {
    f"{form}_{kind}": getattr(scipy.sparse, f"{form}_{kind}")
    for form in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil")
    for kind in ("array", "matrix")
}


def _make_scalar(decoder: Decoder, kind: Node, shape: Node, place: Node) -> Any:
    return decoder.array(kind, shape, place)[()]


def _update_array(existing: Any, fresh: Any) -> None:
    existing[...] = fresh


def _take_sparse(value: Any, encoder: Encoder) -> list[Node]:
    entries = value.tocoo()
    places = [encoder.array(np.asarray(part, np.int64)) for part in entries.coords]
    shape = [int(size) for size in value.shape]
    return [type(value).__name__, shape, encoder.array(entries.data), places]


def _make_sparse(decoder: Decoder, name: Node, shape: Node, data: Node, places: Node) -> Any:
    # From coordinates, whose bounds SciPy checks: indices out of bounds in the compressed formats
    # would have its native code read and write other memory.
    form, _, kind = decoder.choice(name, _SPARSE).partition("_")
    coordinates = tuple(decoder.numbers(part, "<i8", 1) for part in decoder.bare(places))
    dimensions = tuple(decoder.integer(size, 0, 1 << 40) for size in decoder.bare(shape))
    entries = getattr(scipy.sparse, f"coo_{kind}")(
        (decoder.array(*decoder.bare(data)), coordinates), shape=dimensions
    )
    return entries.asformat(form)


def _take_result(value: Any, encoder: Encoder) -> list[Node]:
    return [[[str(key), encoder.encode(item)] for key, item in dict.items(value)]]


def _integers(decoder: Decoder, parts: Node, dtype: str, size: int) -> Any:
    array = decoder.numbers(parts, dtype, 1)
    if len(array) != size:
        raise Refused("a random generator of another state")
    return array


def _take_generator(value: Any, encoder: Encoder) -> list[Node]:
    state = value.bit_generator.state
    inner = state["state"]
    parts = [
        [key, encoder.array(item) if isinstance(item, np.ndarray) else encoder.part(int(item))]
        for key, item in inner.items()
    ]
    rest = [
        [key, encoder.array(item) if isinstance(item, np.ndarray) else int(item)]
        for key, item in state.items()
        if key not in {"bit_generator", "state"}
    ]
    return [state["bit_generator"], parts, rest]


def _make_generator(decoder: Decoder, algorithm: Node, parts: Node, rest: Node) -> Any:
    name = decoder.choice(algorithm, _STATES)
    bits = getattr(np.random, name)(0)
    state = {"bit_generator": name, "state": _fields(decoder, parts, name), "uinteger": 0}
    bits.state = state | _fields(decoder, rest, name)
    return np.random.Generator(bits)


# What the state of each algorithm holds: an array's dtype and length, or an integer's bound.
_STATES: dict[str, dict[str, tuple[str, int] | int]] = {
    "PCG64": {"state": 1 << 128, "inc": 1 << 128},
    "PCG64DXSM": {"state": 1 << 128, "inc": 1 << 128},
    "MT19937": {"key": ("<u4", 624), "pos": 625},
    "Philox": {"counter": ("<u8", 4), "key": ("<u8", 2), "buffer": ("<u8", 4), "buffer_pos": 5},
    "SFC64": {"state": ("<u8", 4)},
}
_ANY: dict[str, tuple[str, int] | int] = {"has_uint32": 2, "uinteger": 1 << 32}


def _fields(decoder: Decoder, pairs: Node, name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in decoder.bare(pairs):
        key, value = decoder.bare(pair)
        bound = (_STATES[name] | _ANY)[decoder.text(key)]
        found[key] = (
            decoder.integer(value, 0, bound - 1)
            if isinstance(bound, int)
            else _integers(decoder, value, *bound)
        )
    return found


def _take_random_state(value: Any, encoder: Encoder) -> list[Node]:
    state = value.get_state(legacy=False)
    inner = state["state"]
    return [
        encoder.array(inner["key"]),
        int(inner["pos"]),
        int(state["has_gauss"]),
        float(state["gauss"]),
    ]


def _make_random_state(
    decoder: Decoder, key: Node, place: Node, has: Node, gauss: Node
) -> np.random.RandomState:
    made = np.random.RandomState(0)
    words = _integers(decoder, key, "<u4", 624)
    made.set_state(
        (
            "MT19937",
            words,
            decoder.integer(place, 0, 624),
            decoder.integer(has, 0, 1),
            decoder.real(gauss),
        )
    )
    return made


def _update_random(existing: Any, fresh: Any) -> None:
    if isinstance(existing, np.random.Generator):
        existing.bit_generator.state = fresh.bit_generator.state
    else:
        existing.set_state(fresh.get_state())


KINDS = [
    Kind(
        "ndarray",
        (np.ndarray,),
        lambda value, encoder: encoder.array(value),
        lambda decoder, *parts: decoder.array(*parts),
        _update_array,
    ),
    Kind(
        "matrix",
        (np.matrix,),
        lambda value, encoder: encoder.array(value),
        lambda decoder, *parts: np.asmatrix(decoder.array(*parts)),
        _update_array,
    ),
    Kind("scalar", _SCALARS, lambda value, encoder: encoder.array(value), _make_scalar),
    Kind(
        "dtype",
        tuple({type(np.dtype(cls)) for cls in _SCALARS}),
        lambda value, encoder: [encoder.array(np.empty(0, value))[0]],
        lambda _, kind: plain_dtype(kind),
    ),
    Kind("sparse", tuple(_SPARSE.values()), _take_sparse, _make_sparse),
    Kind(
        "OptimizeResult",
        (scipy.optimize.OptimizeResult,),
        _take_result,
        lambda decoder, pairs: scipy.optimize.OptimizeResult(decoder.names(pairs)),
    ),
    Kind("Generator", (np.random.Generator,), _take_generator, _make_generator, _update_random),
    Kind(
        "RandomState",
        (np.random.RandomState,),
        _take_random_state,
        _make_random_state,
        _update_random,
    ),
]
