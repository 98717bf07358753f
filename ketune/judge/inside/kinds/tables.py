"""Tables of pandas, column by column."""

from typing import Any

import numpy as np
import pandas
from pandas import arrays

from ketune.judge.inside import trusted
from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.wire import Node, Refused

# Arrays that tell missing values by a second one, of flags.
_NULLABLE: dict[str, Any] = {
    **{f"{sign}Int{bits}": arrays.IntegerArray for sign in ("", "U") for bits in (8, 16, 32, 64)},
    **{f"Float{bits}": arrays.FloatingArray for bits in (32, 64)},
    "boolean": arrays.BooleanArray,
}
_TEXT = ("object", "str", "string")


def _take_values(values: Any, encoder: Encoder) -> Node:
    """A column or index: an array, or a list of plain values and its type."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype) and not dtype.hasobject:
        return ["array", encoder.array(values.to_numpy()), None]
    if isinstance(dtype, pandas.CategoricalDtype):
        categories = _take_values(dtype.categories, encoder)
        codes = encoder.array(np.asarray(values.array.codes, "<i8"))
        return ["category", [codes, categories, bool(dtype.ordered)], None]
    if str(dtype) in _NULLABLE:
        parts = [encoder.array(values.array._data), encoder.array(values.array._mask)]
        return ["nullable", parts, str(dtype)]
    if str(dtype) not in _TEXT:
        raise Unencodable(f"a column of {dtype}")
    items = [None if item is pandas.NA else item for item in values.tolist()]
    return ["list", [encoder.encode(item) for item in items], str(dtype)]


def _make_values(decoder: Decoder, node: Node) -> tuple[Any, Any]:
    kind, parts, dtype = decoder.bare(node)
    if decoder.choice(kind, ("array", "list", "category", "nullable")) == "array":
        array = decoder.array(*decoder.bare(parts))
        return array, array.dtype
    if kind == "category":
        codes, categories, ordered = decoder.bare(parts)
        made = pandas.Categorical.from_codes(
            decoder.numbers(codes, "<i8", 1),
            pandas.Index(*_make_values(decoder, categories)),
            decoder.flag(ordered),
        )
        return made, made.dtype
    if kind == "nullable":
        data, mask = decoder.bare(parts)
        flags = decoder.numbers(mask, "|b1", 1)
        values = decoder.array(*decoder.bare(data))
        made = _NULLABLE[decoder.choice(dtype, _NULLABLE)](values, flags)
        if str(made.dtype) != dtype or values.shape != flags.shape:
            raise Refused(f"a column of {dtype} made of others")
        return made, made.dtype
    values = decoder.each(parts)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    if any(trusted.is_behaviour(value) for value in values):
        raise Refused("a column of functions")
    return column, decoder.choice(dtype, _TEXT)


def _take_index(index: Any, encoder: Encoder) -> Node:
    names = [encoder.part(name) for name in index.names]
    if type(index) is pandas.RangeIndex:
        return ["range", [index.start, index.stop, index.step], names]
    if type(index) is pandas.MultiIndex:
        return [
            "multi",
            [_take_values(index.get_level_values(i), encoder) for i in range(index.nlevels)],
            names,
        ]
    return ["plain", _take_values(index, encoder), names]


def _make_index(decoder: Decoder, node: Node) -> Any:
    kind, parts, names = decoder.bare(node)
    labels = [decoder.decode(name) for name in decoder.bare(names)]
    if decoder.choice(kind, ("range", "multi", "plain")) == "range":
        bounds: Any = [decoder.integer(bound, -(1 << 40), 1 << 40) for bound in decoder.bare(parts)]
        return pandas.RangeIndex(range(*bounds), name=labels[0])
    if kind == "multi":
        levels = [_make_values(decoder, level)[0] for level in decoder.bare(parts)]
        return pandas.MultiIndex.from_arrays(levels, names=labels)
    values, dtype = _make_values(decoder, parts)
    return pandas.Index(values, dtype=dtype, name=labels[0])


def _take_frame(value: Any, encoder: Encoder) -> list[Node]:
    columns = [_take_values(value.iloc[:, i], encoder) for i in range(value.shape[1])]
    return [_take_index(value.columns, encoder), _take_index(value.index, encoder), columns]


def _make_frame(decoder: Decoder, names: Node, rows: Node, columns: Node) -> Any:
    index = _make_index(decoder, rows)
    found = {}
    for place, node in enumerate(decoder.bare(columns)):
        values, dtype = _make_values(decoder, node)
        found[place] = pandas.Series(values, index=index, dtype=dtype)
    frame = pandas.DataFrame(found, index=index)
    frame.columns = _make_index(decoder, names)
    return frame


def _take_series(value: Any, encoder: Encoder) -> list[Node]:
    return [
        _take_index(value.index, encoder),
        _take_values(value, encoder),
        encoder.part(value.name),
    ]


def _make_series(decoder: Decoder, rows: Node, column: Node, name: Node) -> Any:
    values, dtype = _make_values(decoder, column)
    return pandas.Series(
        values, index=_make_index(decoder, rows), dtype=dtype, name=decoder.decode(name)
    )


def _update(existing: Any, fresh: Any) -> None:
    existing._update_inplace(fresh)


_INDEXES = (
    pandas.CategoricalIndex,
    pandas.Index,
    pandas.RangeIndex,
    pandas.MultiIndex,
    pandas.DatetimeIndex,
)

KINDS = [
    Kind("DataFrame", (pandas.DataFrame,), _take_frame, _make_frame, _update),
    Kind("Series", (pandas.Series,), _take_series, _make_series, _update),
    Kind(
        "Index",
        _INDEXES,
        lambda value, encoder: [_take_index(value, encoder)],
        _make_index,
    ),
    Kind(
        "Timestamp",
        (pandas.Timestamp,),
        lambda value, _: [value.isoformat()],
        lambda decoder, text: pandas.Timestamp(decoder.text(text)),
    ),
]
