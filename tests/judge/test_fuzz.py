"""Messages and objects that no honest program makes: refused, or made as what they say.

About a minute of it runs with the other tests; KETUNE_FUZZ_SECONDS runs it for as long as it says.
"""

import enum
import os
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator

from ketune.judge.inside.encode import Encoder
from ketune.judge.inside.kinds import registry
from ketune.judge.inside.opaque import Opaque
from ketune.judge.inside.wire import Refused, pack, unpack

from .crossing import cross, decoder
from .samples import samples

SECONDS = float(os.environ.get("KETUNE_FUZZ_SECONDS", "40"))
SAMPLES = samples()
NAMES = list(SAMPLES)
TAGS = [
    *registry().by_tag,
    *("passed", "seen", "int", "complex", "bytes", "list", "tuple", "set", "frozenset", "dict"),
    *(
        "iterator",
        "lazy",
        "view",
        "function",
        "home",
        "coroutine",
        "opaque",
        "class",
        "module",
        "namedtuple",
    ),
    *("record", "as", "other"),
]
ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 9),
    st.sampled_from([1 << 40, -(1 << 62), float("nan"), float("inf"), 1e300, "", "|O", "<c16"]),
    st.text(max_size=3),
    st.sampled_from(TAGS),
)
NODES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(st.sampled_from(TAGS), st.integers(0, 9)).flatmap(
            lambda head: st.lists(inner, max_size=6).map(lambda parts: [*head, *parts])
        ),
    ),
    max_leaves=12,
)


VALUES: list[Any] = [
    *(None, True, 0, -1, 7, 1 << 40, -(1 << 62), 1.5, float("nan"), float("inf"), 1e300, ""),
    *("x", "__eq__", "equiv", "|O", "<c16", "<f8", [], [[]], ["list", 0, []]),
    *(["function", 0, "f"], ["opaque", 0, "x"], ["home", 0], ["seen", 1], ["class", "a", "b"]),
]


class Yes:
    """Agrees with everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 2

    def __call__(self, *_: object, **__: object) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self


class Array(np.ndarray):
    """Agrees with every array."""

    def __eq__(self, other: object) -> Any:
        return np.ones(4, dtype=bool)

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __array_function__(self, *_: object) -> Any:
        return True


HOSTILE: dict[str, Callable[[Any], Any]] = {
    "yes": lambda _: Yes(),
    "function": lambda _: lambda *_, **__: True,
    "class": lambda _: Yes,
    "none": lambda _: None,
    "text": lambda _: "x",
    "number": lambda _: 7,
    "nan": lambda _: float("nan"),
    "list of yes": lambda _: [Yes(), Yes()],
    "empty list": lambda _: [],
    "dictionary": lambda _: {"equiv": Yes(), "__array_interface__": Yes()},
    "empty array": lambda _: np.zeros((0, 4, 4), dtype=complex),
    "flat array": lambda _: np.zeros(3),
    "masked": lambda old: np.ma.masked_array(np.zeros(np.shape(old) or 4), mask=True),
    "subclass": lambda old: np.zeros(np.shape(old) or 4, dtype=complex).view(Array),
    "objects": lambda _: np.array([Yes(), None], dtype=object),
    "nan array": lambda old: np.full(np.shape(old) or 4, np.nan),
    "circuit": lambda _: QuantumCircuit(1),
    "operator": lambda _: Operator(np.eye(4)),
}


def check(value: Any) -> None:
    """Raise AssertionError unless `value` is of the closed list, through and through."""
    pending, seen = [value], set()
    while pending:
        item = pending.pop()
        if id(item) in seen or type(item) is Opaque:
            continue
        seen.add(id(item))
        assert type(item) is not Yes
        assert type(item) is not Array
        assert not isinstance(item, np.ma.MaskedArray)
        if isinstance(item, dict):
            pending += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set | frozenset):
            pending += item
        elif type(item) in registry().by_class and hasattr(item, "__dict__"):
            pending += vars(item).values()


def decoded(tree: Any, blocks: list[memoryview]) -> Any:
    """What the test's process makes of it, None where it is refused."""
    try:
        return decoder(blocks).decode(tree)
    except Refused:
        return None


def mutate(chance: random.Random, tree: Any, other: Any) -> Any:
    """The tree with one node, somewhere in it, replaced, dropped, doubled or exchanged; `other` is
    a tree to take nodes from."""
    if type(tree) is not list or not tree or chance.random() < 0.15:
        return chance.choice([*TAGS, *VALUES, other, [chance.choice(TAGS), 0, other]])
    place = chance.randrange(len(tree))
    act = chance.choice(["into", "into", "into", "drop", "double", "swap"])
    if act == "into":
        inner = other
        if type(other) is list and other:
            inner = chance.choice(other)
        return [*tree[:place], mutate(chance, tree[place], inner), *tree[place + 1 :]]
    if act == "drop":
        return [*tree[:place], *tree[place + 1 :]]
    if act == "double":
        return [*tree[: place + 1], tree[place], *tree[place + 1 :]]
    return [*tree[:place], chance.choice(tree), *tree[place + 1 :]]


def repeat(seconds: float, strategy: Any, body: Callable[[Any], None]) -> None:
    """Have hypothesis try `body` on as much as fits."""
    end, tried = time.monotonic() + seconds, 0

    @given(strategy)
    @settings(max_examples=100, database=None, suppress_health_check=list(HealthCheck))
    def batch(drawn: Any) -> None:
        nonlocal tried
        tried += 1
        body(drawn)

    while time.monotonic() < end:
        batch()
    print(f"{tried} examples in {seconds:.0f} s")


SEEDS = st.integers(0, (1 << 64) - 1)


def test_messages_are_made_or_refused() -> None:
    repeat(SECONDS * 0.2, NODES, lambda tree: check(decoded(tree, [])))


def test_mutated_messages_are_made_or_refused() -> None:
    def body(seed: int) -> None:
        chance = random.Random(seed)
        encoder = Encoder(lambda _: 0, lambda _: None)
        tree = encoder.encode(SAMPLES[chance.choice(NAMES)]())
        other = Encoder(lambda _: 0, lambda _: None)
        another = other.encode(SAMPLES[chance.choice(NAMES)]())
        for _ in range(chance.randint(1, 3)):
            tree = mutate(chance, tree, another)
        data = pack(tree, [*encoder.blocks, *other.blocks])
        if chance.random() < 0.1:
            place = chance.randrange(len(data))
            data = data[:place] + bytes([chance.randrange(256)]) + data[place + 1 :]
        try:
            check(decoded(*unpack(data)))
        except (Refused, MemoryError):
            return

    repeat(SECONDS * 0.4, SEEDS, body)


def test_objects_with_hostile_attributes_arrive_honest_or_not_at_all() -> None:
    def body(seed: int) -> None:
        chance = random.Random(seed)
        value = SAMPLES[chance.choice(NAMES)]()
        if isinstance(value, enum.Enum):  # one object for all of this process
            return
        names = [*getattr(value, "__dict__", {})]
        names += [name for c in type(value).__mro__ for name in getattr(c, "__slots__", ())]
        name = chance.choice([*names, "equiv", "__eq__", "__class__"])
        hostile = HOSTILE[chance.choice(list(HOSTILE))]
        try:
            setattr(value, name, hostile(getattr(value, name, None)))
        except Exception:
            return
        encoder = Encoder(lambda _: 0, lambda _: None)
        try:
            data = pack(encoder.encode(value), encoder.blocks)
        except Exception:  # of the program's own side, which the test never sees
            return
        check(decoded(*unpack(data)))

    repeat(SECONDS * 0.4, SEEDS, body)


@pytest.mark.parametrize("name", NAMES)
def test_each_sample_crosses(name: str) -> None:
    value = SAMPLES[name]()
    back = cross(value)
    assert type(back) is not Opaque, object.__getattribute__(back, "_what")
    check(back)
