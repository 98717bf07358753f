"""Figures of matplotlib: what is drawn, as data, on a new figure with new artists.

Nothing else of the program's figure is kept: no callbacks, canvases, transforms or formatters.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib import colormaps, colors, patches
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import (
    Collection,
    LineCollection,
    PathCollection,
    PolyCollection,
    QuadMesh,
)
from matplotlib.container import BarContainer, ErrorbarContainer, StemContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.projections.polar import PolarAxes
from matplotlib.text import Annotation, Text
from matplotlib.ticker import LogFormatter, ScalarFormatter
from mpl_toolkits.mplot3d import Axes3D, art3d  # type: ignore[import-untyped]
from qiskit.visualization.bloch import Arrow3D

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.wire import Node, Refused

_AXES: dict[str, Any] = {"rectilinear": Axes, "polar": PolarAxes, "3d": Axes3D}
_SPACES = ("data", "axes", "figure")
_SCALES = ("linear", "log", "symlog", "logit")
_MARKERS = {str(marker) for marker in Line2D.markers} | {"None", ""}
_LINES = ("-", "--", "-.", ":", "None", "", " ")
_SIDES = ("bottom", "top", "left", "right")
_SHOWN = (*_SIDES, *(f"label{side}" for side in _SIDES))
_WIDEST = 200.0  # inches


def _floats(values: Any, encoder: Encoder) -> Node:
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(float), np.nan)
    return encoder.array(np.asarray(values, dtype="<f8"))


def _array(decoder: Decoder, node: Node, dimensions: int) -> Any:
    """An array of floats, in which a gap is NaN."""
    array = decoder.array(*decoder.bare(node))
    if array.dtype != np.dtype("<f8") or array.ndim != dimensions:
        raise Refused(f"an array of {array.dtype} and shape {array.shape}")
    return array


def _points(decoder: Decoder, node: Node, width: int = 2) -> Any:
    array = _array(decoder, node, 2)
    if array.shape[1] != width:
        raise Refused(f"points of {array.shape[1]} coordinates")
    return array


def _rgba(value: Any) -> Node:
    return [float(part) for part in colors.to_rgba(value)]


def _colour(decoder: Decoder, node: Node) -> tuple[float, ...]:
    parts = tuple(decoder.real(part) for part in decoder.bare(node))
    if len(parts) != 4:
        raise Refused("a colour of other than four parts")
    return parts


def _rgbas(values: Any, encoder: Encoder) -> Node:
    return _floats(colors.to_rgba_array(values), encoder)


def _reals(decoder: Decoder, node: Node, count: int) -> Any:
    values = [decoder.real(part) for part in decoder.bare(node)]
    if len(values) != count:
        raise Refused(f"{len(values)} numbers for {count}")
    return values


def _space(artist: Any) -> str:
    """What its coordinates are of."""
    transform, axes, figure = artist.get_transform(), artist.axes, artist.get_figure(root=True)
    if axes is not None and transform == axes.transAxes:
        return "axes"
    if figure is not None and transform == figure.transFigure:
        return "figure"
    return "data"


# Artists: of each class, how it is taken and made. Common properties are added by `_take_artist`.


def _take_line(value: Any, encoder: Encoder) -> list[Node]:
    style, marker = value.get_linestyle(), value.get_marker()
    return [
        [_floats(part, encoder) for part in value.get_data(orig=False)],
        _rgba(value.get_color()),
        float(value.get_linewidth()),
        style if style in _LINES else "--",
        str(marker) if str(marker) in _MARKERS else "o",
        type(marker) is int,
        float(value.get_markersize()),
        [_rgba(value.get_markerfacecolor()), _rgba(value.get_markeredgecolor())],
    ]


def _line_options(decoder: Decoder, parts: list[Node]) -> dict[str, Any]:
    colour, width, style, marker, number, size, faces = parts
    symbol: Any = decoder.choice(marker, _MARKERS)
    if decoder.flag(number):
        symbol = int(symbol)
    face, edge = (_colour(decoder, part) for part in decoder.bare(faces))
    return {
        "color": _colour(decoder, colour),
        "linewidth": decoder.real(width),
        "linestyle": decoder.choice(style, _LINES),
        "marker": symbol,
        "markersize": decoder.real(size),
        "markerfacecolor": face,
        "markeredgecolor": edge,
    }


def _coordinates(decoder: Decoder, node: Node, count: int) -> list[Any]:
    arrays = [_array(decoder, part, 1) for part in decoder.bare(node)]
    if len(arrays) != count or len({len(array) for array in arrays}) != 1:
        raise Refused("a line of other coordinates")
    return arrays


def _make_line(decoder: Decoder, data: Node, *parts: Node) -> Line2D:
    return Line2D(*_coordinates(decoder, data, 2), **_line_options(decoder, list(parts)))


def _take_line3d(value: Any, encoder: Encoder) -> list[Node]:
    data = [_floats(part, encoder) for part in np.broadcast_arrays(*value.get_data_3d())]
    return [data, *_take_line(value, encoder)[1:]]


def _make_line3d(decoder: Decoder, data: Node, *parts: Node) -> Any:
    return art3d.Line3D(*_coordinates(decoder, data, 3), **_line_options(decoder, list(parts)))


def _take_text(value: Any, _: Encoder) -> list[Node]:
    place = [float(part) for part in value.get_unitless_position()]
    if isinstance(value, art3d.Text3D):
        place = [float(part) for part in value.get_position_3d()]
    weight = value.get_fontweight()
    return [
        value.get_text(),
        place,
        [float(part) for part in value.xy] if isinstance(value, Annotation) else None,
        _rgba(value.get_color()),
        float(value.get_fontsize()),
        [value.get_ha(), value.get_va(), value.get_fontstyle()],
        weight if isinstance(weight, str) else int(weight),
        float(value.get_rotation()),
    ]


def _make_text(
    decoder: Decoder,
    text: Node,
    place: Node,
    target: Node,
    colour: Node,
    size: Node,
    styles: Node,
    weight: Node,
    rotation: Node,
) -> Any:
    across, down, style = decoder.bare(styles)
    options: dict[str, Any] = {
        "color": _colour(decoder, colour),
        "fontsize": decoder.real(size),
        "horizontalalignment": decoder.choice(across, ("left", "center", "right")),
        "verticalalignment": decoder.choice(
            down, ("top", "center", "bottom", "baseline", "center_baseline")
        ),
        "fontstyle": decoder.choice(style, ("normal", "italic", "oblique")),
        "fontweight": weight if type(weight) is int else decoder.text(weight),
        "rotation": decoder.real(rotation),
    }
    content = decoder.text(text)
    if target is not None:
        point: Any = tuple(_reals(decoder, target, 2))
        own: Any = tuple(_reals(decoder, place, 2))
        return Annotation(content, point, xytext=own, **options)
    if len(decoder.bare(place)) == 3:
        del options["rotation"]  # which texts in space do not have
        return art3d.Text3D(*_reals(decoder, place, 3), content, **options)
    x, y = _reals(decoder, place, 2)
    return Text(x, y, content, **options)


def _take_patch(value: Any, encoder: Encoder) -> list[Node]:
    name, numbers = "Path", None
    for cls, attributes in _SHAPES.items():
        if isinstance(value, cls):
            name = cls.__name__
            numbers = [float(part) for part in attributes(value)]
    path = None
    if numbers is None:
        found = value.get_transform().transform_path(value.get_path())
        axes = value.axes
        if axes is not None and _space(value) == "data":
            found = value.get_patch_transform().transform_path(value.get_path())
        path = _take_path(found, encoder)
    hatch = value.get_hatch()
    return [
        name,
        numbers,
        path,
        [_rgba(value.get_facecolor()), _rgba(value.get_edgecolor())],
        float(value.get_linewidth()),
        bool(value.get_fill()),
        hatch if hatch is None else str(hatch),
    ]


_SHAPES: dict[Any, Callable[[Any], list[Any]]] = {
    patches.Rectangle: lambda v: [*v.get_xy(), v.get_width(), v.get_height(), v.get_angle()],
    patches.Ellipse: lambda v: [*v.get_center(), v.get_width(), v.get_height(), v.get_angle()],
    patches.Circle: lambda v: [*v.get_center(), v.get_radius()],
    patches.Wedge: lambda v: [*v.center, v.r, v.theta1, v.theta2, v.width or 0.0],
}
_MAKERS: dict[str, tuple[int, Callable[..., Any]]] = {
    "Rectangle": (
        5,
        lambda x, y, w, h, angle, **o: patches.Rectangle((x, y), w, h, angle=angle, **o),
    ),
    "Ellipse": (
        5,
        lambda x, y, w, h, angle, **o: patches.Ellipse((x, y), w, h, angle=angle, **o),
    ),
    "Circle": (3, lambda x, y, radius, **o: patches.Circle((x, y), radius, **o)),
    "Wedge": (
        6,
        lambda x, y, r, a, b, width, **o: patches.Wedge((x, y), r, a, b, width=width or None, **o),
    ),
}


def _take_path(path: Any, encoder: Encoder) -> Node:
    codes = None if path.codes is None else [int(code) for code in path.codes]
    return [_floats(path.vertices, encoder), codes]


def _make_path(decoder: Decoder, node: Node) -> Path:
    vertices, codes = decoder.bare(node)
    found = decoder.optional(
        lambda part: [decoder.integer(code, 0, 79) for code in decoder.bare(part)], codes
    )
    return Path(_points(decoder, vertices), found)


def _make_patch(
    decoder: Decoder,
    name: Node,
    numbers: Node,
    path: Node,
    faces: Node,
    width: Node,
    fill: Node,
    hatch: Node,
) -> Any:
    face, edge = (_colour(decoder, part) for part in decoder.bare(faces))
    options = {
        "facecolor": face,
        "edgecolor": edge,
        "linewidth": decoder.real(width),
        "fill": decoder.flag(fill),
        "hatch": decoder.optional(decoder.choice, hatch, _Hatches()),
    }
    if decoder.choice(name, ("Path", *_MAKERS)) == "Path":
        return patches.PathPatch(_make_path(decoder, path), **options)
    count, make = _MAKERS[name]
    return make(*_reals(decoder, numbers, count), **options)


class _Hatches:
    """Every text of matplotlib's hatch letters."""

    def __contains__(self, text: str) -> bool:
        return len(text) < 20 and set(text) <= set("/\\|-+xXoO.*")


def _take_collection(value: Any, encoder: Encoder) -> list[Node]:
    values = value.get_array()
    return [
        _rgbas(getattr(value, "_facecolor3d", value.get_facecolor()), encoder),
        _rgbas(getattr(value, "_edgecolor3d", value.get_edgecolor()), encoder),
        [float(width) for width in np.atleast_1d(value.get_linewidth())],
        None if values is None else _floats(np.ma.ravel(values), encoder),
        _take_colormap(value.get_cmap(), encoder),
        [None if limit is None else float(limit) for limit in value.get_clim()],
    ]


def _finish_collection(
    decoder: Decoder,
    made: Any,
    faces: Node,
    edges: Node,
    widths: Node,
    values: Node,
    name: Node,
    limits: Node,
) -> Any:
    made.set_facecolor(_points(decoder, faces, 4))
    made.set_edgecolor(_points(decoder, edges, 4))
    made.set_linewidth([decoder.real(width) for width in decoder.bare(widths)] or [1.0])
    if values is not None:
        made.set_array(_array(decoder, values, 1))
        made.set_cmap(_colormap(decoder, name))
        made.set_clim(*_limits(decoder, limits))
    return made


def _take_colormap(value: Any, encoder: Encoder) -> Node:
    """Its name, or the colours of one that matplotlib does not know, as seaborn makes them."""
    if value.name in list(colormaps):
        return value.name
    return [value.name, _floats(value(np.arange(value.N)), encoder)]


def _colormap(decoder: Decoder, node: Node) -> Any:
    if isinstance(node, str):
        known = list(colormaps)
        return colormaps[node if node in known else decoder.choice(node, ("viridis", *known))]
    name, table = decoder.bare(node)
    return colors.ListedColormap(_points(decoder, table, 4), name=decoder.text(name))


def _limits(decoder: Decoder, node: Node) -> list[float | None]:
    low, high = decoder.bare(node)
    return [decoder.optional(decoder.real, limit) for limit in (low, high)]


def _take_scatter(value: Any, encoder: Encoder) -> list[Node]:
    offsets = value.get_offsets()
    if isinstance(value, art3d.Path3DCollection):
        offsets = np.column_stack([np.ma.filled(part, np.nan) for part in value._offsets3d])
    return [
        [_take_path(path, encoder) for path in value.get_paths()],
        [float(size) for size in value.get_sizes()],
        _floats(offsets, encoder),
        *_take_collection(value, encoder),
    ]


def _make_scatter(decoder: Decoder, paths: Node, sizes: Node, offsets: Node, *rest: Node) -> Any:
    shapes = [_make_path(decoder, node) for node in decoder.bare(paths)]
    areas = [decoder.real(size) for size in decoder.bare(sizes)]
    places = _array(decoder, offsets, 2)
    if places.shape[1] == 3:
        made = art3d.Path3DCollection(shapes, areas, offsets=places[:, :2])
        made.set_3d_properties(places[:, 2], "z")
    else:
        made = PathCollection(shapes, areas, offsets=_points(decoder, offsets))
    return _finish_collection(decoder, made, *rest)


def _take_segments(value: Any, encoder: Encoder) -> list[Node]:
    segments = getattr(value, "_segments3d", None)
    found = value.get_segments() if segments is None else segments
    return [[_floats(part, encoder) for part in found], *_take_collection(value, encoder)]


def _make_segments(decoder: Decoder, segments: Node, *rest: Node) -> Any:
    found = [_array(decoder, node, 2) for node in decoder.bare(segments)]
    widths = {part.shape[1] for part in found} or {2}
    if widths not in ({2}, {3}):
        raise Refused("segments of other coordinates")
    made = art3d.Line3DCollection(found) if widths == {3} else LineCollection(found)
    return _finish_collection(decoder, made, *rest)


def _take_polygons(value: Any, encoder: Encoder) -> list[Node]:
    if isinstance(value, art3d.Poly3DCollection):
        hidden = np.broadcast_to(value._invalid_vertices, value._faces.shape[:2])
        faces = [face[~mask] for face, mask in zip(value._faces, hidden, strict=True)]
    else:
        faces = [path.vertices for path in value.get_paths()]
    return [[_floats(face, encoder) for face in faces], *_take_collection(value, encoder)]


def _make_polygons(decoder: Decoder, polygons: Node, *rest: Node) -> Any:
    found = [_array(decoder, node, 2) for node in decoder.bare(polygons)]
    widths = {part.shape[1] for part in found} or {2}
    if widths not in ({2}, {3}):
        raise Refused("polygons of other coordinates")
    made = art3d.Poly3DCollection(found) if widths == {3} else PolyCollection(found)
    return _finish_collection(decoder, made, *rest)


def _take_mesh(value: Any, encoder: Encoder) -> list[Node]:
    if value._shading != "flat":
        raise Unencodable(f"a figure with a {type(value).__name__} of other shading")
    corners = _floats(value.get_coordinates().reshape(-1, 2), encoder)
    return [corners, value.get_coordinates().shape[1], *_take_collection(value, encoder)]


def _make_mesh(decoder: Decoder, corners: Node, columns: Node, *rest: Node) -> Any:
    points = _points(decoder, corners)
    width = decoder.integer(columns, 2, max(2, len(points)))
    height = len(points) // width
    if height < 2 or height * width != len(points):
        raise Refused("a mesh of other corners")
    mesh = QuadMesh(points.reshape(height, width, 2), shading="flat")
    try:
        made = _finish_collection(decoder, mesh, *rest)
    except ValueError:  # matplotlib counts the cells
        raise Refused("a mesh with values for other cells") from None
    if made.get_array() is not None:
        made.set_array(made.get_array().reshape(height - 1, width - 1))
    return made


def _take_arrow(value: Any, encoder: Encoder) -> list[Node]:
    return [_floats(value._segment3d, encoder), _rgba(value.get_edgecolor())]


def _make_arrow(decoder: Decoder, segment: Node, colour: Node) -> Any:
    points = _points(decoder, segment, 3)
    if len(points) != 2:
        raise Refused("an arrow of other than two points")
    return Arrow3D(
        *points.T, color=_colour(decoder, colour), mutation_scale=20, lw=1, arrowstyle="-|>"
    )


def _take_flat_arrow(value: Any, _: Encoder) -> list[Node]:
    if value._posA_posB is None:
        raise Unencodable("an arrow between artists")
    ends = [[float(part) for part in end] for end in value._posA_posB]
    return [ends, _rgba(value.get_edgecolor())]


def _make_flat_arrow(decoder: Decoder, ends: Node, colour: Node) -> Any:
    first: Any
    second: Any
    first, second = (tuple(_reals(decoder, end, 2)) for end in decoder.bare(ends))
    return patches.FancyArrowPatch(first, second, color=_colour(decoder, colour))


def _take_image(value: Any, encoder: Encoder) -> list[Node]:
    data = np.asarray(np.ma.filled(value.get_array().astype(float), np.nan))
    return [
        _floats(data, encoder),
        [float(part) for part in value.get_extent()],
        value.origin,
        _take_colormap(value.get_cmap(), encoder),
        [None if limit is None else float(limit) for limit in value.get_clim()],
    ]


def _make_image(
    decoder: Decoder, axes: Any, data: Node, extent: Node, origin: Node, name: Node, limits: Node
) -> AxesImage:
    bounds: Any = tuple(_reals(decoder, extent, 4))
    image = AxesImage(
        axes,
        cmap=_colormap(decoder, name),
        extent=bounds,
        origin=decoder.choice(origin, ("upper", "lower")),
    )
    array = decoder.array(*decoder.bare(data))
    if array.dtype != np.dtype("<f8") or array.ndim not in (2, 3):
        raise Refused(f"an image of {array.dtype} and shape {array.shape}")
    image.set_data(array)
    image.set_clim(*_limits(decoder, limits))
    return image


_ARTISTS: dict[str, tuple[Any, Callable[..., list[Node]], Callable[..., Any]]] = {
    "line3d": (art3d.Line3D, _take_line3d, _make_line3d),
    "line": (Line2D, _take_line, _make_line),
    "text": (Text, _take_text, _make_text),
    "arrow3d": (Arrow3D, _take_arrow, _make_arrow),
    "arrow": (patches.FancyArrowPatch, _take_flat_arrow, _make_flat_arrow),
    "patch": (patches.Patch, _take_patch, _make_patch),
    "scatter": (PathCollection, _take_scatter, _make_scatter),
    "segments": (LineCollection, _take_segments, _make_segments),
    "polygons": (PolyCollection, _take_polygons, _make_polygons),
    "mesh": (QuadMesh, _take_mesh, _make_mesh),
    "image": (AxesImage, _take_image, _make_image),
}


def _take_artist(value: Any, encoder: Encoder) -> Node:
    for name, (cls, take, _) in _ARTISTS.items():
        if isinstance(value, cls):
            alpha = value.get_alpha()
            common = [
                str(value.get_label()),
                bool(value.get_visible()),
                float(value.get_zorder()),
                float(alpha) if isinstance(alpha, int | float) else None,
                _space(value),
            ]
            return [name, common, take(value, encoder)]
    raise Unencodable(f"a figure with a {type(value).__name__}")


def _make_artist(decoder: Decoder, figure: Figure, axes: Any, node: Node) -> Any:
    name, common, parts = decoder.bare(node)
    _, _, make = _ARTISTS[decoder.choice(name, _ARTISTS)]
    made = make(decoder, axes, *parts) if name == "image" else make(decoder, *decoder.bare(parts))
    text, visible, order, alpha, space = decoder.bare(common)
    made.set_label(decoder.text(text))
    made.set_visible(decoder.flag(visible))
    made.set_zorder(decoder.real(order))
    made.set_alpha(decoder.optional(decoder.real, alpha))
    _place(made, figure, axes, decoder.choice(space, _SPACES))
    return made


def _place(artist: Any, figure: Figure, axes: Any, space: str) -> None:
    """Put it on the axes or the figure."""
    if axes is None:
        artist.set_figure(figure)
        artist.set_transform(figure.transFigure)
        (figure.texts if isinstance(artist, Text) else figure.artists).append(artist)
        return
    if space != "data":
        artist.set_transform(axes.transAxes if space == "axes" else figure.transFigure)
    if isinstance(artist, PathCollection):
        artist.set_offset_transform(axes.transData)
    if isinstance(artist, Collection):
        axes.add_collection(artist, autolim=False)
    else:  # as add_line and its like, which would also look for the data's limits
        axes._set_artist_props(artist)
        axes._children.append(artist)


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
    low, high = _reals(decoder, limits, 2)
    getattr(axes, f"set_{name}lim")(low, high)


def _take_legend(legend: Any) -> Node:
    if legend is None:
        return None
    handles = []
    for handle in legend.legend_handles:
        if isinstance(handle, Line2D):
            handles.append(["line", _rgba(handle.get_color())])
        elif isinstance(handle, patches.Patch):
            handles.append(["patch", _rgba(handle.get_facecolor())])
        else:
            handles.append(["patch", [0.0, 0.0, 0.0, 1.0]])
    texts = [text.get_text() for text in legend.get_texts()]
    return [handles, texts, legend.get_title().get_text()]


def _make_legend(decoder: Decoder, parent: Any, node: Node) -> Legend:
    handles, texts, title = decoder.bare(node)
    made: list[Any] = []
    for handle in decoder.bare(handles):
        kind, colour = decoder.bare(handle)
        tone = _colour(decoder, colour)
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
        _rgba(axes.get_facecolor()),
        [_take_artist(child, encoder) for child in axes._children],
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
    bounds: Any = tuple(_reals(decoder, place, 4))
    axes: Any = figure.add_axes(
        bounds,
        projection=projection,
        label=decoder.text(label),
        facecolor=_colour(decoder, face),
    )
    made = [_make_artist(decoder, figure, axes, child) for child in decoder.bare(children)]
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
        _rgba(value.get_facecolor()),
        str(value.get_label()),
        None if title is None else title.get_text(),
        [value.get_supxlabel(), value.get_supylabel()],
        [_take_axes(axes, encoder) for axes in value.axes],
        [_take_artist(artist, encoder) for artist in others],
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
    width, height = _reals(decoder, size, 2)
    resolution = decoder.real(dpi)
    if not (0 < width <= _WIDEST and 0 < height <= _WIDEST and 0 < resolution <= 1200):
        raise Refused(f"a figure of {width} by {height} inches")
    figure = Figure((width, height), dpi=resolution, facecolor=_colour(decoder, face))
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
        _make_artist(decoder, figure, None, node)
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
