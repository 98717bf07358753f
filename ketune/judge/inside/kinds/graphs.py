"""Graphs of networkx and rustworkx, as nodes and edges."""

from typing import Any

import networkx
import rustworkx

from ketune.judge.inside.decode import Decoder
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


KINDS = [
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
