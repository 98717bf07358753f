"""What stands in figures of matplotlib: lines, texts, shapes, collections of them, images."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib import colormaps, colors, patches
from matplotlib.collections import (
    Collection,
    LineCollection,
    PathCollection,
    PolyCollection,
    QuadMesh,
)
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.text import Annotation, Text
from mpl_toolkits.mplot3d import art3d  # type: ignore[import-untyped]
from qiskit.visualization.bloch import Arrow3D

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.wire import Node, Refused

_SPACES = ("data", "axes", "figure")
_MARKERS = {str(marker) for marker in Line2D.markers} | {"None", ""}
_LINES = ("-", "--", "-.", ":", "None", "", " ")


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


def colour_of(value: Any) -> Node:
    """The parts of a colour: red, green, blue and opacity."""
    return [float(part) for part in colors.to_rgba(value)]


def read_colour(decoder: Decoder, node: Node) -> tuple[float, ...]:
    """A colour of its parts. Raises Refused."""
    parts = tuple(decoder.real(part) for part in decoder.bare(node))
    if len(parts) != 4:
        raise Refused("a colour of other than four parts")
    return parts


def _rgbas(values: Any, encoder: Encoder) -> Node:
    return _floats(colors.to_rgba_array(values), encoder)


def reals(decoder: Decoder, node: Node, count: int) -> Any:
    """So many finite numbers. Raises Refused."""
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


# Artists: of each class, how it is taken and made. Common properties are added by `take_artist`.


def _take_line(value: Any, encoder: Encoder) -> list[Node]:
    style, marker = value.get_linestyle(), value.get_marker()
    return [
        [_floats(part, encoder) for part in value.get_data(orig=False)],
        colour_of(value.get_color()),
        float(value.get_linewidth()),
        style if style in _LINES else "--",
        str(marker) if str(marker) in _MARKERS else "o",
        type(marker) is int,
        float(value.get_markersize()),
        [colour_of(value.get_markerfacecolor()), colour_of(value.get_markeredgecolor())],
    ]


def _line_options(decoder: Decoder, parts: list[Node]) -> dict[str, Any]:
    colour, width, style, marker, number, size, faces = parts
    symbol: Any = decoder.choice(marker, _MARKERS)
    if decoder.flag(number):
        symbol = int(symbol)
    face, edge = (read_colour(decoder, part) for part in decoder.bare(faces))
    return {
        "color": read_colour(decoder, colour),
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
        colour_of(value.get_color()),
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
        "color": read_colour(decoder, colour),
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
        point: Any = tuple(reals(decoder, target, 2))
        own: Any = tuple(reals(decoder, place, 2))
        return Annotation(content, point, xytext=own, **options)
    if len(decoder.bare(place)) == 3:
        del options["rotation"]  # which texts in space do not have
        return art3d.Text3D(*reals(decoder, place, 3), content, **options)
    x, y = reals(decoder, place, 2)
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
        [colour_of(value.get_facecolor()), colour_of(value.get_edgecolor())],
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
    face, edge = (read_colour(decoder, part) for part in decoder.bare(faces))
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
    return make(*reals(decoder, numbers, count), **options)


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
    return [_floats(value._segment3d, encoder), colour_of(value.get_edgecolor())]


def _make_arrow(decoder: Decoder, segment: Node, colour: Node) -> Any:
    points = _points(decoder, segment, 3)
    if len(points) != 2:
        raise Refused("an arrow of other than two points")
    return Arrow3D(
        *points.T, color=read_colour(decoder, colour), mutation_scale=20, lw=1, arrowstyle="-|>"
    )


def _take_flat_arrow(value: Any, _: Encoder) -> list[Node]:
    if value._posA_posB is None:
        raise Unencodable("an arrow between artists")
    ends = [[float(part) for part in end] for end in value._posA_posB]
    return [ends, colour_of(value.get_edgecolor())]


def _make_flat_arrow(decoder: Decoder, ends: Node, colour: Node) -> Any:
    first: Any
    second: Any
    first, second = (tuple(reals(decoder, end, 2)) for end in decoder.bare(ends))
    return patches.FancyArrowPatch(first, second, color=read_colour(decoder, colour))


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
    bounds: Any = tuple(reals(decoder, extent, 4))
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


def take_artist(value: Any, encoder: Encoder) -> Node:
    """The class of an artist, what all have in common, and its parts. Raises Unencodable."""
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


def make_artist(decoder: Decoder, figure: Figure, axes: Any, node: Node) -> Any:
    """An artist on `axes`, or on the figure where they are None. Raises Refused."""
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
