"""Honest values arrive as they were, though nothing of them is taken on trust."""

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import itertools
import math
from typing import Any

import networkx
import numpy as np
import pytest
import rustworkx
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.figure import Figure
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import QFTGate, UnitaryGate, XGate, efficient_su2
from qiskit.circuit.random import random_circuit
from qiskit.converters import circuit_to_dag
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import (
    Choi,
    Clifford,
    DensityMatrix,
    Kraus,
    Pauli,
    PauliList,
    SparsePauliOp,
    StabilizerState,
    Statevector,
    SuperOp,
    random_clifford,
    random_density_matrix,
    random_statevector,
    random_unitary,
)
from qiskit.transpiler import CouplingMap, InstructionProperties, Layout, Target
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from .crossing import cross

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(),
    st.binary(),
    st.dates(),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.uuids(),
)
KEYS = st.one_of(st.text(), st.integers(), st.tuples(st.integers(), st.text()))
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(KEYS, inner),
        st.tuples(inner, inner),
        st.frozensets(KEYS),
        st.sets(KEYS),
        st.dictionaries(KEYS, inner).map(collections.OrderedDict),
        st.lists(inner).map(collections.deque),
        st.dictionaries(st.text(), st.integers()).map(collections.Counter),
    ),
    max_leaves=12,
)


@given(VALUES)
def test_containers(value: Any) -> None:
    back = cross(value)
    assert back == value
    assert type(back) is type(value)


@given(hnp.arrays(st.one_of(hnp.scalar_dtypes(), hnp.array_dtypes()), hnp.array_shapes(min_side=0)))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_arrays(array: Any) -> None:
    back = cross(array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()
    assert back.flags.writeable


@given(
    hnp.from_dtype(np.dtype("c16")) | hnp.from_dtype(np.dtype("i4")) | hnp.from_dtype(np.dtype("?"))
)
def test_scalars(scalar: Any) -> None:
    back = cross(scalar)
    assert type(back) is type(scalar)
    assert back.tobytes() == scalar.tobytes()


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 5), st.booleans())
@settings(max_examples=30)
def test_circuits(seed: int, qubits: int, depth: int, conditional: bool) -> None:
    circuit = random_circuit(qubits, depth, measure=True, conditional=conditional, seed=seed)
    assert cross(circuit) == circuit


@given(st.integers(0, 10**6), st.integers(1, 2))
@settings(max_examples=25)
def test_states_and_operators(seed: int, qubits: int) -> None:
    size = 1 << qubits
    unitary = random_unitary(size, seed=seed)
    for value in (
        random_statevector(size, seed=seed),
        random_density_matrix(size, seed=seed),
        unitary,
        random_clifford(qubits, seed=seed),
        SparsePauliOp.from_operator(unitary),
        SuperOp(unitary),
        Choi(unitary),
        Kraus(unitary),
    ):
        back = cross(value)
        assert type(back) is type(value)
        assert back == value


def _controlled() -> QuantumCircuit:
    """Control flow, classical variables and expressions, registers, phase, metadata, a layout."""
    qubits, bits = QuantumRegister(3, "q"), ClassicalRegister(2, "c")
    circuit = QuantumCircuit(qubits, bits, name="x", global_phase=0.5, metadata={"a": [1]})
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((bits[0], 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.delay(100, 1, "ns")
    count = circuit.add_var("count", expr.lift(3, types.Uint(8)))
    with circuit.while_loop(expr.less(count, 5)):
        circuit.store(count, expr.bit_xor(count, 1))
        circuit.break_loop()
    with circuit.for_loop(range(2)):
        circuit.cx(0, 1)
    with circuit.switch(bits) as case, case(1, 2):
        circuit.x(0)
    circuit.append(XGate(label="mine").control(2, ctrl_state=1), [0, 1, 2])
    circuit.append(UnitaryGate(np.eye(2)), [0])
    circuit.append(QFTGate(2), [0, 1])
    circuit.initialize([1, 0], 0)
    circuit.barrier()
    circuit.reset(0)
    return circuit


def _parametrized() -> QuantumCircuit:
    angle, vector = Parameter("θ"), ParameterVector("v", 2)
    circuit = QuantumCircuit(2)
    circuit.rx(2 * angle + vector[0], 0)
    circuit.rzz(vector[1].sin() / 3, 0, 1)
    return circuit.compose(efficient_su2(2, reps=1))


BELL = QuantumCircuit(2)
BELL.h(0)
BELL.cx(0, 1)
MEASURED = BELL.measure_all(inplace=False)
BACKEND = GenericBackendV2(3, seed=1)


@pytest.mark.parametrize(
    "value",
    [
        _controlled(),
        _parametrized(),
        transpile(MEASURED, BACKEND, seed_transpiler=1),
        circuit_to_dag(BELL),
        BELL.to_gate(),
        BELL.to_instruction(),
        *BELL.data,
        BELL.qubits,
        BELL.count_ops(),
        Parameter("a") + 1,
        DensityMatrix(BELL),
        StabilizerState(BELL),
        Clifford(BELL),
        Pauli("-iXYZ"),
        PauliList(["XX", "-YZ"]),
        Layout({BELL.qubits[0]: 1}),
        datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        range(3),
        slice(1, None),
        {1: {2: [3, (4, {5})]}},
        fractions.Fraction(1, 3),
        decimal.Decimal("0.10"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects(value: Any) -> None:
    back = cross(value)
    assert type(back) is type(value)
    assert back == value


def test_results_of_primitives() -> None:
    sampled = StatevectorSampler(seed=1).run([MEASURED]).result()
    assert cross(sampled)[0].data.meas.get_counts() == sampled[0].data.meas.get_counts()
    estimated = StatevectorEstimator(seed=1).run([(BELL, SparsePauliOp(["ZZ", "XX"]))]).result()
    assert cross(estimated)[0].data.evs == estimated[0].data.evs
    simulated = AerSimulator(seed_simulator=1).run(MEASURED).result()
    assert cross(simulated).get_counts() == simulated.get_counts()


def test_devices() -> None:
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h"])
    assert cross(noise) == noise
    coupling = CouplingMap.from_line(4)
    assert set(cross(coupling).get_edges()) == set(coupling.get_edges())
    target = Target(num_qubits=2)
    target.add_instruction(XGate(), {(0,): InstructionProperties(1e-7, 1e-3), (1,): None})
    back = cross(target)
    assert back.operation_names == target.operation_names
    assert back["x"][0,].error == target["x"][0,].error
    assert transpile(BELL, cross(BACKEND), seed_transpiler=1) == transpile(
        BELL, BACKEND, seed_transpiler=1
    )
    counts = cross(AerSimulator(noise_model=noise, seed_simulator=1)).run(MEASURED).result()
    assert sum(counts.get_counts().values()) == 1024


def test_graphs_and_sparse_matrices() -> None:
    graph = networkx.petersen_graph()
    assert networkx.utils.graphs_equal(cross(graph), graph)
    other = rustworkx.generators.path_graph(4)
    assert list(cross(other).edge_list()) == list(other.edge_list())
    for form in ("csr_matrix", "csc_array", "coo_matrix", "lil_matrix", "dia_array"):
        matrix = getattr(scipy.sparse, form)(np.diag([1.5, 0, 2j]))
        back = cross(matrix)
        assert type(back) is type(matrix)
        assert np.array_equal(back.toarray(), matrix.toarray())


def test_figures() -> None:
    figure = BELL.draw("mpl")
    back = cross(figure)
    assert isinstance(back, Figure)
    texts = [[text.get_text() for text in f.axes[0].texts] for f in (figure, back)]
    assert texts[0] == texts[1]
    back.canvas.draw()


def test_functions_and_iterators() -> None:
    assert cross(lambda x, y=1: x + y)(2, y=3) == 5
    assert [f(2) for f in cross([math.sqrt, abs])] == [math.sqrt(2), 2]
    assert list(cross(i * i for i in range(4))) == [0, 1, 4, 9]
    assert cross({1: 2}.items()) == {(1, 2)}
    assert cross({1: 2}.keys()) == {1}
    assert list(cross({1: 2}.values())) == [2]
    assert list(itertools.islice(cross(itertools.count()), 100)) == list(range(100))
    assert list(cross(zip([1], [2], strict=True))) == [(1, 2)]

    assert cross(collections.defaultdict(list, {1: [2]}))[3] == []


class Colour(enum.IntEnum):
    RED = 1


class Pair(tuple[int, int]):
    pass


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Answer:
    __module__ = "solution"  # as the program's own
    counts: dict[str, int]
    state: Statevector


def test_objects_of_the_programs_own_classes_are_data() -> None:
    state = Statevector([1, 0])
    back = cross(Answer({"0": 5}, state))
    assert (back.counts, back.state) == ({"0": 5}, state)
    assert cross(Point(1, 2)) == (1, 2)
    assert cross(Point(1, 2)).y == 2
    assert cross(Pair((1, 2))) == (1, 2)
    # The same object more than once, though what arrives of it has no identity.
    assert cross([Colour.RED, Colour.RED]) == [1, 1]

    class Mine(QuantumCircuit):  # type: ignore[misc]
        pass

    mine = Mine(1)
    mine.x(0)
    assert type(cross(mine)) is QuantumCircuit
    assert cross(mine) == mine


def test_shared_and_circular_references_stay() -> None:
    inner = [1]
    first, second = cross((inner, inner))
    assert first is second
    inner.append(inner)  # type: ignore[arg-type]
    back = cross(inner)
    assert back[1] is back


@given(st.sampled_from(["PCG64", "MT19937", "Philox"]), st.integers(0, 2**32))
def test_random_generators_go_on_alike(algorithm: str, seed: int) -> None:
    generator = np.random.Generator(getattr(np.random, algorithm)(seed))
    assert cross(generator).random() == generator.random()
