"""What tasks about graphs are about: a connected graph, told or shown."""

from collections import deque
from dataclasses import dataclass
from itertools import combinations
from random import Random

from ketune.synthetic.sample import Graph

Edges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class GraphSubject:
    """A graph on qubits 0 to `num_qubits` - 1, its noun phrase, and its picture if it is shown."""

    num_qubits: int
    edges: Edges
    phrase: str
    picture: Graph | None

    def neighbours(self, qubit: int) -> list[int]:
        return sorted(a + b - qubit for a, b in self.edges if qubit in (a, b))

    def distance(self, start: int, end: int) -> int:
        """Number of edges on a shortest path, by breadth-first search."""
        steps, queue = {start: 0}, deque([start])
        while end not in steps:
            here = queue.popleft()
            for there in self.neighbours(here):
                if there not in steps:
                    steps[there] = steps[here] + 1
                    queue.append(there)
        return steps[end]

    def cut(self, side: str) -> int:
        """Edges between the two sides; character i of `side` is qubit i's."""
        return sum(side[a] != side[b] for a, b in self.edges)


def graph_subject(
    rng: Random, picture: bool, noun: str, low: int = 3, high: int = 6
) -> GraphSubject:
    """A random connected graph: a tree and up to two more edges. `noun`: device or graph."""
    n = rng.randint(low, high)
    order = rng.sample(range(n), n)
    edges = {_pair(order[i], rng.choice(order[:i])) for i in range(1, n)}
    spare = [pair for pair in combinations(range(n), 2) if pair not in edges]
    edges.update(rng.sample(spare, min(len(spare), rng.randint(0, 2))))
    listed = tuple(sorted(edges))
    if picture:
        phrase = rng.choice((f"the {noun} in the image", f"the {noun} shown", f"the {noun} drawn"))
        return GraphSubject(n, listed, phrase, Graph(n, listed))
    word = rng.choice({"device": ("couplings", "connections"), "graph": ("edges",)}[noun])
    written = rng.choice((", ".join(f"{a}-{b}" for a, b in listed), str(list(listed))))
    return GraphSubject(n, listed, f"the {n}-qubit {noun} with {word} {written}", None)


def _pair(a: int, b: int) -> tuple[int, int]:
    return min(a, b), max(a, b)


def code_list(edges: Edges) -> str:
    """The edges as Python source: `[[0, 1], [1, 2]]`."""
    return str([list(edge) for edge in edges])
