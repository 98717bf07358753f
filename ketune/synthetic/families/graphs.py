"""What tasks about graphs are about: a connected graph, told or shown."""

from collections import deque
from dataclasses import dataclass
from itertools import combinations
from random import Random

from ketune.synthetic.sample import Given, Graph


@dataclass(frozen=True, kw_only=True)
class GivenGraph(Given):
    """A graph on qubits 0 to `num_qubits` - 1, each edge with its smaller end first."""

    num_qubits: int
    edges: tuple[tuple[int, int], ...]

    @property
    def code(self) -> str:
        """The edges as Python source: `[[0, 1], [1, 2]]`."""
        return str([list(edge) for edge in self.edges])

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

    def cut(self, side: int) -> int:
        """Edges between the qubits whose bit is set in `side` and the others."""
        return sum((side >> a ^ side >> b) & 1 for a, b in self.edges)


def given_graph(rng: Random, picture: bool, noun: str, low: int = 3, high: int = 6) -> GivenGraph:
    """A random connected graph: a tree and up to two more edges. `noun`: device or graph."""
    n = rng.randint(low, high)
    order = rng.sample(range(n), n)
    edges = {tuple(sorted((order[i], rng.choice(order[:i])))) for i in range(1, n)}
    spare = [pair for pair in combinations(range(n), 2) if pair not in edges]
    edges.update(rng.sample(spare, min(len(spare), rng.randint(0, 2))))
    pairs = tuple((a, b) for a, b in sorted(edges))
    if picture:
        phrase = rng.choice((f"the {noun} in the image", f"the {noun} shown", f"the {noun} drawn"))
        return GivenGraph(phrase, Graph(n, pairs), num_qubits=n, edges=pairs)
    word = rng.choice({"device": ("couplings", "connections"), "graph": ("edges",)}[noun])
    written = rng.choice((", ".join(f"{a}-{b}" for a, b in pairs), str(list(pairs))))
    return GivenGraph(f"the {n}-qubit {noun} with {word} {written}", num_qubits=n, edges=pairs)
