"""One object or more of every type on the closed list, each made anew."""

import collections
import datetime
import decimal
import fractions
import io
import pathlib
import random
import types
import uuid
from collections.abc import Callable
from typing import Any

import networkx
import numpy as np
import pandas
import rustworkx
import scipy.optimize
import scipy.sparse
from matplotlib.figure import Figure
from PIL import Image
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, quantum_info
from qiskit.circuit import Gate, Parameter, ParameterVector, library
from qiskit.circuit.classical import expr
from qiskit.converters import circuit_to_dag
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.providers import JobStatus, Options
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.result import Counts, ProbDistribution, QuasiDistribution
from qiskit.transpiler import (
    CouplingMap,
    InstructionDurations,
    InstructionProperties,
    Layout,
    PassManager,
    Target,
)
from qiskit.transpiler.passes import Optimize1qGates
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2  # type: ignore[import-untyped]


def samples() -> dict[str, Callable[[], Any]]:
    """A function that makes each, by name."""
    return {
        "list": lambda: [1, "a", 2.5, None, b"x", 1j, 1 << 70],
        "dict": lambda: {1: [2], "a": (3, {4})},
        "OrderedDict": lambda: collections.OrderedDict(a=1),
        "defaultdict": lambda: collections.defaultdict(list, {1: [2]}),
        "Counter": lambda: collections.Counter("aab"),
        "deque": lambda: collections.deque([1, 2], maxlen=3),
        "bytearray": lambda: bytearray(b"ab"),
        "range": lambda: range(1, 9, 2),
        "datetime": lambda: datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC),
        "timedelta": lambda: datetime.timedelta(1, 2, 3),
        "Decimal": lambda: decimal.Decimal("0.1"),
        "Fraction": lambda: fractions.Fraction(1, 3),
        "UUID": lambda: uuid.UUID(int=5),
        "Path": lambda: pathlib.Path("a/b"),
        "BytesIO": lambda: io.BytesIO(b"ab"),
        "StringIO": lambda: io.StringIO("ab"),
        "Random": lambda: random.Random(3),
        "SimpleNamespace": lambda: types.SimpleNamespace(a=1),
        "JobStatus": lambda: JobStatus.DONE,
        "ndarray": lambda: np.arange(6.0).reshape(2, 3),
        "matrix": lambda: np.matrix([[1, 2], [3, 4]]),
        "scalar": lambda: np.float64(2.5),
        "dtype": lambda: np.dtype("<f8"),
        "sparse": lambda: scipy.sparse.csr_matrix(np.eye(3)),
        "OptimizeResult": lambda: scipy.optimize.OptimizeResult(x=np.ones(2), fun=1.0),
        "Generator": lambda: np.random.default_rng(3),
        "RandomState": lambda: np.random.RandomState(3),
        "Parameter": lambda: Parameter("a"),
        "ParameterVector": lambda: ParameterVector("v", 2),
        "ParameterExpression": lambda: 2 * Parameter("a").sin() + 1,
        "register": lambda: QuantumRegister(2, "q"),
        "expression": lambda: expr.less(ClassicalRegister(2, "c"), 2),
        "circuit": circuit,
        "data of a circuit": lambda: circuit().data,
        "InstructionSet": lambda: QuantumCircuit(2).x([0, 1]),
        "TextDrawing": lambda: circuit().draw("text"),
        "ParameterView": lambda: parametrized().parameters,
        "instruction": lambda: circuit().data[0],
        "dag": lambda: circuit_to_dag(circuit()),
        "Gate": lambda: circuit(measured=False).to_gate(),
        "own gate": lambda: Idiom("own", 1, [0.5]),
        "XGate": lambda: library.XGate(label="x"),
        "UnitaryGate": lambda: library.UnitaryGate(np.eye(2)),
        "ControlledGate": lambda: Idiom("own", 1, [0.5]).control(2, ctrl_state=1),
        "Initialize": lambda: library.Initialize([1, 0]),
        "PauliEvolution": lambda: library.PauliEvolutionGate(quantum_info.Pauli("XZ"), 0.5),
        "Layout": lambda: Layout({QuantumRegister(1, "q")[0]: 0}),
        "Statevector": lambda: quantum_info.Statevector([1, 0, 0, 0]),
        "DensityMatrix": lambda: quantum_info.DensityMatrix(np.eye(2) / 2),
        "Operator": lambda: quantum_info.Operator(np.eye(4)),
        "SuperOp": lambda: quantum_info.SuperOp(np.eye(4)),
        "Choi": lambda: quantum_info.Choi(np.eye(4)),
        "PTM": lambda: quantum_info.PTM(np.eye(4)),
        "Chi": lambda: quantum_info.Chi(np.eye(4)),
        "Kraus": lambda: quantum_info.Kraus([np.eye(2)]),
        "Stinespring": lambda: quantum_info.Stinespring(np.eye(2)),
        "Pauli": lambda: quantum_info.Pauli("-iXY"),
        "PauliList": lambda: quantum_info.PauliList(["XX", "-YZ"]),
        "SparsePauliOp": lambda: quantum_info.SparsePauliOp(["XX", "YZ"], [1, 2j]),
        "SparseObservable": lambda: quantum_info.SparseObservable("XX"),
        "Clifford": lambda: quantum_info.Clifford(np.eye(4, 5, dtype=bool)),
        "StabilizerState": lambda: quantum_info.StabilizerState(quantum_info.Pauli("ZZ")),
        "CNOTDihedral": lambda: quantum_info.CNOTDihedral(num_qubits=2),
        "ScalarOp": lambda: quantum_info.ScalarOp(2, 3),
        "LinearFunction": lambda: library.LinearFunction(np.eye(2, dtype=bool)),
        "Counts": lambda: Counts({"00": 3, "11": 5}),
        "QuasiDistribution": lambda: QuasiDistribution({0: 0.5, 3: 0.5}, shots=10),
        "ProbDistribution": lambda: ProbDistribution({0: 0.5, 3: 0.5}),
        "PrimitiveResult": lambda: StatevectorSampler(seed=1).run([circuit()]).result(),
        "PrimitiveJob": lambda: StatevectorSampler(seed=1).run([circuit()]),
        "StatevectorEstimator": lambda: StatevectorEstimator(seed=1),
        "Result": lambda: AerSimulator().run(measured(), seed_simulator=1, shots=5).result(),
        "Options": lambda: Options(shots=5),
        "Target": target,
        "CouplingMap": lambda: CouplingMap.from_line(3),
        "InstructionDurations": lambda: InstructionDurations([("x", None, 5)], dt=1e-9),
        "QuantumError": lambda: depolarizing_error(0.1, 1),
        "ReadoutError": lambda: ReadoutError([[0.9, 0.1], [0.2, 0.8]]),
        "NoiseModel": noise_model,
        "AerSimulator": lambda: AerSimulator(method="statevector"),
        "GenericBackendV2": lambda: GenericBackendV2(2, seed=1),
        "fake": FakeManilaV2,
        "pass": Optimize1qGates,
        "PassManager": lambda: PassManager([Optimize1qGates()]),
        "networkx": lambda: networkx.path_graph(3),
        "nodes": lambda: networkx.path_graph(3).nodes,
        "nodes with data": lambda: networkx.path_graph(3).nodes(data="a", default=1),
        "edges": lambda: networkx.path_graph(3, networkx.DiGraph).edges,
        "edges with data": lambda: networkx.path_graph(3).edges(data=True),
        "edges of nodes": lambda: networkx.path_graph(3, networkx.MultiGraph).edges([0], keys=True),
        "degrees": lambda: networkx.path_graph(3).degree,
        "degrees of nodes": lambda: networkx.path_graph(3, networkx.DiGraph).in_degree([1], "w"),
        "rustworkx": lambda: rustworkx.generators.path_graph(3),
        "DataFrame": lambda: pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
        "categories": lambda: pandas.DataFrame({"a": pandas.Categorical(["x", None], ["y", "x"])}),
        "missing values": lambda: pandas.DataFrame(
            {
                "a": pandas.array([1, None], dtype="Int64"),
                "b": pandas.array([True, None], dtype="boolean"),
                "c": pandas.array([0.5, None], dtype="Float64"),
            }
        ),
        "Series": lambda: pandas.Series([1.5, 2.5], name="s"),
        "Image": lambda: Image.new("RGB", (2, 3), (1, 2, 3)),
        "Figure": figure,
    }


class Idiom(Gate):  # type: ignore[misc]
    """A gate as tutorials write one."""

    def _define(self) -> None:
        definition = QuantumCircuit(1)
        definition.rx(self.params[0], 0)
        self.definition = definition


def circuit(*, measured: bool = True) -> QuantumCircuit:
    """A few gates, of which one is not standard."""
    made = QuantumCircuit(2)
    made.h(0)
    made.rx(0.5, 1)
    made.append(library.QFTGate(2), [0, 1])
    if measured:
        made.measure_all()
    return made


def parametrized() -> QuantumCircuit:
    """Two parameters."""
    made = QuantumCircuit(1)
    made.rx(Parameter("a") + Parameter("b"), 0)
    return made


def measured() -> QuantumCircuit:
    """What a simulator takes."""
    made = QuantumCircuit(2)
    made.h(0)
    made.measure_all()
    return made


def target() -> Target:
    """One gate on one of two qubits."""
    made = Target(num_qubits=2)
    made.add_instruction(library.XGate(), {(0,): InstructionProperties(1e-7, 1e-3)})
    return made


def noise_model() -> NoiseModel:
    """Errors everywhere, on one qubit, and of the readout."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h"])
    model.add_quantum_error(depolarizing_error(0.2, 1), "x", [0])
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [0])
    return model


def figure() -> Figure:
    """A line, bars by category on a logarithmic scale, a legend, and a mesh beside them."""
    made = Figure()
    axes = made.subplots()
    axes.bar(["a", "b"], [1, 10], label="bars")
    axes.plot([0, 1], [1, 2], "r--", label="line")
    axes.set_yscale("log")
    axes.legend()
    made.add_axes((0.7, 0.7, 0.2, 0.2)).pcolormesh([[1.0, 2.0], [3.0, 4.0]])
    return made
