"""Figures of matplotlib: what is drawn, as data, on a new figure with new artists.

Nothing else of the program's figure is kept: no callbacks, canvases, transforms or formatters.
"""

from typing import Any

import numpy as np
from matplotlib import patches
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import BarContainer, ErrorbarContainer, StemContainer
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.projections.polar import PolarAxes
from matplotlib.ticker import LogFormatter, ScalarFormatter
from mpl_toolkits.mplot3d import Axes3D  # type: ignore[import-untyped]

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.kinds.artists import (
    colour_of,
    make_artist,
    read_colour,
    reals,
    take_artist,
)
from ketune.judge.inside.wire import Node, Refused

_AXES: dict[str, Any] = {"rectilinear": Axes, "polar": PolarAxes, "3d": Axes3D}
_SCALES = ("linear", "log", "symlog", "logit")
_SIDES = ("bottom", "top", "left", "right")
_SHOWN = (*_SIDES, *(f"label{side}" for side in _SIDES))
_WIDEST = 200.0  # inches


def _axis_names(axes: Any) -> tuple[str, ...]:
    return ("x", "y", "z") if isinstance(axes, Axes3D) else ("x", "y")


def _take_axis(axes: Any, name: str) -> Node:
    """Label, limits, scale, and the ticks where they are not those of numbers."""
    axis = getattr(axes, f"{name}axis")
    kind = axis.get_scale()
    if kind not in _SCALES:
        raise Unencodable(f"an axis of scale {kind}")
    formatter = axis.get_major_formatter()
    ticks = None
    if not isinstance(formatter, ScalarFormatter | LogFormatter):
        places = [float(place) for place in axis.get_majorticklocs()]
        texts = [text.get_text() for text in axis.get_majorticklabels()]
        if len(places) != len(texts):
            raise Unencodable("an axis with other labels than ticks")
        ticks = [places, texts]
    return [
        axis.label.get_text(),
        [float(limit) for limit in getattr(axes, f"get_{name}lim")()],
        kind,
        ticks,
        None if ticks else [float(place) for place in axis.get_majorticklocs()],
        [[key, bool(on)] for key, on in axis.get_tick_params().items() if key in _SHOWN],
    ]


def _make_axis(decoder: Decoder, axes: Any, name: str, node: Node) -> None:
    text, limits, kind, ticks, places, shown = decoder.bare(node)
    getattr(axes, f"set_{name}label")(decoder.text(text))
    if decoder.choice(kind, _SCALES) != "linear":
        getattr(axes, f"set_{name}scale")(kind)
    axis = getattr(axes, f"{name}axis")
    if ticks is not None:
        where, texts = decoder.bare(ticks)
        labels = [decoder.text(label) for label in decoder.bare(texts)]
        axis.set_ticks([decoder.real(place) for place in decoder.bare(where)], labels=labels)
    elif places is not None:
        found = [decoder.real(place) for place in decoder.bare(places)]
        if found != [float(place) for place in axis.get_majorticklocs()]:
            axis.set_ticks(found)
    axis.set_tick_params(
        **{decoder.choice(key, _SHOWN): decoder.flag(on) for key, on in decoder.bare(shown)}
    )
    low, high = reals(decoder, limits, 2)
    getattr(axes, f"set_{name}lim")(low, high)


def _take_legend(legend: Any) -> Node:
    if legend is None:
        return None
    handles = []
    for handle in legend.legend_handles:
        if isinstance(handle, Line2D):
            handles.append(["line", colour_of(handle.get_color())])
        elif isinstance(handle, patches.Patch):
            handles.append(["patch", colour_of(handle.get_facecolor())])
        else:
            handles.append(["patch", [0.0, 0.0, 0.0, 1.0]])
    texts = [text.get_text() for text in legend.get_texts()]
    return [handles, texts, legend.get_title().get_text()]


def _make_legend(decoder: Decoder, parent: Any, node: Node) -> Legend:
    handles, texts, title = decoder.bare(node)
    made: list[Any] = []
    for handle in decoder.bare(handles):
        kind, colour = decoder.bare(handle)
        tone = read_colour(decoder, colour)
        if decoder.choice(kind, ("line", "patch")) == "line":
            made.append(Line2D([], [], color=tone))
        else:
            made.append(patches.Patch(color=tone))
    labels = [decoder.text(text) for text in decoder.bare(texts)]
    if len(labels) != len(made):
        raise Refused("a legend of other labels than handles")
    return Legend(parent, made, labels, title=decoder.text(title) or None)


def _take_container(value: Any, places: dict[int, int]) -> Node:
    def place(artist: Any) -> Node:
        return None if artist is None else places[id(artist)]

    label = str(value.get_label())
    if isinstance(value, BarContainer):
        return ["bar", label, [place(patch) for patch in value], value.orientation]
    if isinstance(value, ErrorbarContainer):
        line, caps, bars = value
        flags = [bool(value.has_xerr), bool(value.has_yerr)]
        return ["error", label, [place(line), [*map(place, caps)], [*map(place, bars)]], flags]
    if isinstance(value, StemContainer):
        return ["stem", label, [place(part) for part in value], None]
    raise Unencodable(f"a figure with a {type(value).__name__}")


def _make_container(decoder: Decoder, children: list[Any], node: Node) -> Any:
    kind, text, places, extra = decoder.bare(node)

    def child(place: Node) -> Any:
        return children[decoder.integer(place, 0, len(children) - 1)]

    label = decoder.text(text)
    if decoder.choice(kind, ("bar", "error", "stem")) == "bar":
        bars: Any = [child(place) for place in decoder.bare(places)]
        if not all(isinstance(bar, patches.Rectangle) for bar in bars):
            raise Refused("bars that are no rectangles")
        direction = decoder.choice(extra, ("vertical", "horizontal"))
        heights = [b.get_height() if direction == "vertical" else b.get_width() for b in bars]
        shapes: Any = tuple(bars)
        return BarContainer(
            shapes, datavalues=np.array(heights), orientation=direction, label=label
        )
    if kind == "error":
        line, caps, bars = decoder.bare(places)
        horizontal, vertical = (decoder.flag(flag) for flag in decoder.bare(extra))
        parts = (
            decoder.optional(child, line),
            tuple(child(place) for place in decoder.bare(caps)),
            tuple(child(place) for place in decoder.bare(bars)),
        )
        return ErrorbarContainer(parts, has_xerr=horizontal, has_yerr=vertical, label=label)
    marker, stem, base = (child(place) for place in decoder.bare(places))
    return StemContainer((marker, stem, base), label=label)


def _take_axes(axes: Any, encoder: Encoder) -> Node:
    if axes.name not in _AXES:
        raise Unencodable(f"axes of projection {axes.name}")
    if axes.child_axes or axes.tables:
        raise Unencodable("axes with axes or tables in them")
    places = {id(child): place for place, child in enumerate(axes._children)}
    return [
        axes.name,
        [float(part) for part in axes.get_position().bounds],
        str(axes.get_label()),
        [axes.get_title(loc=where) for where in ("left", "center", "right")],
        [_take_axis(axes, name) for name in _axis_names(axes)],
        [bool(axes.axison), bool(axes.get_visible())],
        _aspect(axes),
        colour_of(axes.get_facecolor()),
        [take_artist(child, encoder) for child in axes._children],
        [_take_container(container, places) for container in axes.containers],
        _take_legend(axes.legend_),
    ]


def _aspect(axes: Any) -> Node:
    aspect = axes.get_aspect()
    return aspect if isinstance(aspect, str) else float(aspect)


def _make_axes(decoder: Decoder, figure: Figure, node: Node) -> Any:
    (name, place, label, titles, axis_nodes, flags, aspect, face, children, containers, legend) = (
        decoder.bare(node)
    )
    projection = decoder.choice(name, _AXES)
    bounds: Any = tuple(reals(decoder, place, 4))
    axes: Any = figure.add_axes(
        bounds,
        projection=projection,
        label=decoder.text(label),
        facecolor=read_colour(decoder, face),
    )
    made = [make_artist(decoder, figure, axes, child) for child in decoder.bare(children)]
    names = _axis_names(axes)
    if len(decoder.bare(axis_nodes)) != len(names):
        raise Refused("axes with another number of them")
    for letter, part in zip(names, axis_nodes, strict=True):
        _make_axis(decoder, axes, letter, part)
    for where, title in zip(("left", "center", "right"), decoder.bare(titles), strict=True):
        axes.set_title(decoder.text(title), loc=where)
    on, visible = (decoder.flag(flag) for flag in decoder.bare(flags))
    if not on:
        axes.set_axis_off()
    axes.set_visible(visible)
    if projection == "rectilinear":
        ratio = decoder.choice(aspect, ("auto", "equal")) if type(aspect) is str else None
        axes.set_aspect(ratio or decoder.real(aspect))
    axes.containers[:] = [
        _make_container(decoder, made, container) for container in decoder.bare(containers)
    ]
    if legend is not None:
        axes.legend_ = _make_legend(decoder, axes, legend)
    return axes


def _take_figure(value: Any, encoder: Encoder) -> list[Node]:
    if value.subfigs:
        raise Unencodable("a figure with figures in it")
    title = value._suptitle
    others = [
        artist
        for artist in (*value.texts, *value.patches, *value.lines, *value.images, *value.artists)
        if artist is not title and artist not in (value._supxlabel, value._supylabel)
    ]
    return [
        [float(side) for side in value.get_size_inches()],
        float(value.get_dpi()),
        colour_of(value.get_facecolor()),
        str(value.get_label()),
        None if title is None else title.get_text(),
        [value.get_supxlabel(), value.get_supylabel()],
        [_take_axes(axes, encoder) for axes in value.axes],
        [take_artist(artist, encoder) for artist in others],
        [_take_legend(legend) for legend in value.legends],
    ]


def _make_figure(
    decoder: Decoder,
    size: Node,
    dpi: Node,
    face: Node,
    label: Node,
    title: Node,
    labels: Node,
    axes: Node,
    others: Node,
    legends: Node,
) -> Figure:
    width, height = reals(decoder, size, 2)
    resolution = decoder.real(dpi)
    if not (0 < width <= _WIDEST and 0 < height <= _WIDEST and 0 < resolution <= 1200):
        raise Refused(f"a figure of {width} by {height} inches")
    figure = Figure((width, height), dpi=resolution, facecolor=read_colour(decoder, face))
    FigureCanvasAgg(figure)
    figure.set_label(decoder.text(label))
    if title is not None:
        figure.suptitle(decoder.text(title))
    across, up = (decoder.text(text) for text in decoder.bare(labels))
    if across:
        figure.supxlabel(across)
    if up:
        figure.supylabel(up)
    for node in decoder.bare(axes):
        _make_axes(decoder, figure, node)
    for node in decoder.bare(others):
        make_artist(decoder, figure, None, node)
    figure.legends[:] = [_make_legend(decoder, figure, node) for node in decoder.bare(legends)]
    return figure


def _take_one_axes(value: Any, encoder: Encoder) -> list[Node]:
    figure = value.get_figure(root=True)
    if figure is None or value not in figure.axes:
        raise Unencodable("axes of no figure")
    return [encoder.part(figure), figure.axes.index(value)]


def _make_one_axes(decoder: Decoder, figure: Node, place: Node) -> Any:
    axes = decoder.of(figure, Figure).axes
    return axes[decoder.integer(place, 0, len(axes) - 1)]


KINDS = [
    Kind("Figure", (Figure,), _take_figure, _make_figure),
    Kind("Axes", tuple(_AXES.values()), _take_one_axes, _make_one_axes),
]
