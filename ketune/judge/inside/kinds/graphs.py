"""Graphs of networkx and rustworkx, as nodes and edges."""

from typing import Any

import networkx
import rustworkx
from networkx.classes import reportviews

from ketune.judge.inside.decode import Decoder, check_plain
from ketune.judge.inside.encode import Encoder
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.wire import Node, Refused

_NETWORKX = {
    cls.__name__: cls
    for cls in (networkx.Graph, networkx.DiGraph, networkx.MultiGraph, networkx.MultiDiGraph)
}
_RUSTWORKX = {cls.__name__: cls for cls in (rustworkx.PyGraph, rustworkx.PyDiGraph)}
# What rustworkx answers with where another library would with a list, and which equals one.
_LISTS = (
    *(rustworkx.NodeIndices, rustworkx.EdgeIndices, rustworkx.EdgeList),
    *(rustworkx.WeightedEdgeList, rustworkx.BFSSuccessors, rustworkx.Chains),
)
_MAX_INDEX = 1 << 24


def _take_networkx(value: Any, encoder: Encoder) -> list[Node]:
    multiple = value.is_multigraph()
    edges = value.edges(keys=True, data=True) if multiple else value.edges(data=True)
    return [
        type(value).__name__,
        encoder.part(dict(value.graph)),
        [[encoder.part(node), encoder.part(dict(data))] for node, data in value.nodes(data=True)],
        [[encoder.part(item) for item in edge[:-1]] + [encoder.part(edge[-1])] for edge in edges],
    ]


def _make_networkx(decoder: Decoder, name: Node, attributes: Node, nodes: Node, edges: Node) -> Any:
    graph = _NETWORKX[decoder.choice(name, _NETWORKX)]()
    graph.graph.update(_attributes(decoder, attributes))
    for node, data in decoder.bare(nodes):
        found = _attributes(decoder, data)
        graph.add_node(decoder.decode(node))
        graph.nodes[decoder.decode(node)].update(found)
    for *ends, data in decoder.bare(edges):
        first, second, *key = [decoder.decode(end) for end in ends]
        if first not in graph or second not in graph:
            raise Refused("an edge of a node that is not there")
        if graph.is_multigraph():
            graph.add_edge(first, second, key=key[0])
            graph.edges[first, second, key[0]].update(_attributes(decoder, data))
        else:
            graph.add_edge(first, second)
            graph.edges[first, second].update(_attributes(decoder, data))
    return graph


def _attributes(decoder: Decoder, node: Node) -> dict[Any, Any]:
    found: dict[Any, Any] = decoder.of(node, dict)
    return found


def _take_rustworkx(value: Any, encoder: Encoder) -> list[Node]:
    indexes = list(value.node_indices())
    return [
        type(value).__name__,
        bool(value.multigraph),
        encoder.part(value.attrs),
        [[index, encoder.part(value[index])] for index in indexes],
        [[a, b, encoder.part(weight)] for a, b, weight in value.weighted_edge_list()],
    ]


def _make_rustworkx(
    decoder: Decoder, name: Node, multiple: Node, attributes: Node, nodes: Node, edges: Node
) -> Any:
    graph: Any = _RUSTWORKX[decoder.choice(name, _RUSTWORKX)](
        multigraph=decoder.flag(multiple), attrs=decoder.decode(attributes)
    )
    missing, following = [], 0
    for index, data in decoder.bare(nodes):
        place = decoder.integer(index, following, _MAX_INDEX)
        while following < place:  # a place that was left by a node removed
            missing.append(graph.add_node(None))
            following += 1
        graph.add_node(decoder.decode(data))
        following += 1
    for first, second, weight in decoder.bare(edges):
        ends = [decoder.integer(end, 0, _MAX_INDEX) for end in (first, second)]
        if any(not graph.has_node(end) for end in ends):
            raise Refused("an edge of a node that is not there")
        graph.add_edge(*ends, decoder.decode(weight))
    graph.remove_nodes_from(missing)
    return graph


def _update_rustworkx(existing: Any, fresh: Any) -> None:
    existing.__setstate__(fresh.__getstate__())


# Views of networkx: of a graph, and what its methods with these arguments give.


def _take_view(value: Any, encoder: Encoder) -> list[Node]:
    cls, viewer = type(value), getattr(value, "_viewer", value)
    chosen = getattr(value, "_nbunch", None)
    if isinstance(value, reportviews.DiDegreeView):
        chosen = None if value._nodes is value._succ else list(value._nodes)
        options: dict[str, Any] = {"weight": value._weight}
    elif viewer is value:
        options = {}
    else:
        options = {"data": value._data, "default": value._default}
        if isinstance(value, reportviews.OutMultiEdgeDataView):
            options["keys"] = value.keys
    return [
        cls.__name__,
        encoder.part(viewer._graph),
        encoder.part(None if chosen is None else list(chosen)),
        encoder.part(options),
    ]


def _make_view(decoder: Decoder, name: Node, node: Node, chosen: Node, options: Node) -> Any:
    graph = decoder.of(node, *_NETWORKX.values())
    cls = _VIEWS[decoder.choice(name, _VIEWS)]
    nodes = decoder.optional(decoder.of, chosen, list)
    given = decoder.of(options, dict)
    check_plain([nodes, given])
    if issubclass(cls, reportviews.EdgeViewABC) and given:
        viewer = _VIEWS[cls.__name__.replace("Data", "")](graph)
        return cls(viewer, nodes, given.pop("data"), **given)
    return cls(graph, *([] if nodes is None else [nodes]), **given)


_VIEWS: dict[str, Any] = {
    name: cls
    for name, cls in vars(reportviews).items()
    if name.endswith(("EdgeView", "EdgeDataView", "DegreeView"))
}


def _take_nodes(value: Any, encoder: Encoder) -> list[Node]:
    options = [getattr(value, "_data", None), getattr(value, "_default", None)]
    nodes = [[encoder.part(node), encoder.part(data)] for node, data in value._nodes.items()]
    return [type(value).__name__, nodes, *encoder.parts(options)]


def _make_nodes(decoder: Decoder, name: Node, nodes: Node, data: Node, default: Node) -> Any:
    graph = networkx.Graph()
    for node, attributes in decoder.bare(nodes):
        found = _attributes(decoder, attributes)
        label = decoder.decode(node)
        graph.add_node(label)
        graph.nodes[label].update(found)
    if decoder.choice(name, ("NodeView", "NodeDataView")) == "NodeView":
        return graph.nodes
    return reportviews.NodeDataView(graph._node, decoder.data(data), decoder.data(default))


KINDS = [
    Kind("edges or degrees", tuple(_VIEWS.values()), _take_view, _make_view),
    Kind("nodes", (reportviews.NodeView, reportviews.NodeDataView), _take_nodes, _make_nodes),
    Kind("networkx", tuple(_NETWORKX.values()), _take_networkx, _make_networkx),
    Kind(
        "rustworkx",
        tuple(_RUSTWORKX.values()),
        _take_rustworkx,
        _make_rustworkx,
        _update_rustworkx,
    ),
    Kind(
        "rustworkx list",
        _LISTS,
        lambda value, encoder: [[encoder.encode(item) for item in value]],
        lambda decoder, items: decoder.each(items),
        results=(list,),
    ),
]
