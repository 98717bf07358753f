"""States, operators and channels of qiskit.quantum_info."""

import math
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.quantum_info import (
    PTM,
    Chi,
    Choi,
    Clifford,
    CNOTDihedral,
    DensityMatrix,
    Kraus,
    Operator,
    Pauli,
    PauliList,
    ScalarOp,
    SparseObservable,
    SparsePauliOp,
    StabilizerState,
    Statevector,
    Stinespring,
    SuperOp,
)

from ketune.judge.inside.decode import Decoder
from ketune.judge.inside.encode import Encoder, Unencodable
from ketune.judge.inside.kinds import Kind
from ketune.judge.inside.kinds.parameters import parameter
from ketune.judge.inside.wire import Node, Refused

_COMPLEX = "<c16"


def _dims(decoder: Decoder, node: Node) -> tuple[int, ...]:
    return tuple(decoder.integer(size, 1, 1 << 30) for size in decoder.bare(node))


def _matrix(value: Any, encoder: Encoder) -> Node:
    return encoder.array(np.asarray(value, dtype=complex))


def _fits(data: Any, *dims: tuple[int, ...]) -> None:
    """Raise Refused unless the axes of `data` are as long as these subsystems say."""
    if data.shape != tuple(math.prod(sizes) for sizes in dims):
        raise Refused(f"a matrix of shape {data.shape} for subsystems {dims}")


def _make_statevector(decoder: Decoder, data: Node, dims: Node) -> Statevector:
    vector, sizes = decoder.numbers(data, _COMPLEX, 1), _dims(decoder, dims)
    _fits(vector, sizes)
    return Statevector(vector, sizes)


def _make_density(decoder: Decoder, data: Node, dims: Node) -> DensityMatrix:
    matrix, sizes = decoder.numbers(data, _COMPLEX, 2), _dims(decoder, dims)
    _fits(matrix, sizes, sizes)
    return DensityMatrix(matrix, sizes)


def _state(cls: Any, make: Any) -> Kind:
    return Kind(
        cls.__name__,
        (cls,),
        lambda value, encoder: [_matrix(value.data, encoder), list(value.dims())],
        make,
    )


def _take_map(value: Any, encoder: Encoder) -> list[Node]:
    return [_matrix(value.data, encoder), list(value.input_dims()), list(value.output_dims())]


def _map(cls: Any, rows: str, columns: str) -> Kind:
    """An operator or a channel by one matrix, whose sides are as long as products of the input
    ("i") and output ("o") dimensions."""

    def make(decoder: Decoder, data: Node, inputs: Node, outputs: Node) -> Any:
        matrix = decoder.numbers(data, _COMPLEX, 2)
        dims = {"i": _dims(decoder, inputs), "o": _dims(decoder, outputs)}
        _fits(matrix, *(sum((dims[side] for side in sides), ()) for sides in (rows, columns)))
        return cls(matrix, input_dims=dims["i"], output_dims=dims["o"])

    return Kind(cls.__name__, (cls,), _take_map, make)


def _take_kraus(value: Any, encoder: Encoder) -> list[Node]:
    left, right = value._data
    return [
        [_matrix(matrix, encoder) for matrix in left],
        None if right is None else [_matrix(matrix, encoder) for matrix in right],
        list(value.input_dims()),
        list(value.output_dims()),
    ]


def _make_kraus(decoder: Decoder, left: Node, right: Node, inputs: Node, outputs: Node) -> Kraus:
    dims = _dims(decoder, inputs), _dims(decoder, outputs)

    def matrices(nodes: Node) -> list[Any]:
        found = [decoder.numbers(node, _COMPLEX, 2) for node in decoder.bare(nodes)]
        for matrix in found:
            _fits(matrix, dims[1], dims[0])
        if not found:
            raise Refused("a channel of no matrices")
        return found

    first = matrices(left)
    data = first if right is None else (first, matrices(right))
    return Kraus(data, input_dims=dims[0], output_dims=dims[1])


def _take_stinespring(value: Any, encoder: Encoder) -> list[Node]:
    left, right = value._data
    return [
        _matrix(left, encoder),
        None if right is None else _matrix(right, encoder),
        list(value.input_dims()),
        list(value.output_dims()),
    ]


def _make_stinespring(
    decoder: Decoder, left: Node, right: Node, inputs: Node, outputs: Node
) -> Stinespring:
    dims = _dims(decoder, inputs), _dims(decoder, outputs)

    def matrix(node: Node) -> Any:
        found = decoder.numbers(node, _COMPLEX, 2)
        height, width = found.shape
        if width != math.prod(dims[0]) or not height or height % math.prod(dims[1]):
            raise Refused(f"a matrix of shape {found.shape} for subsystems {dims}")
        return found

    first = matrix(left)
    data = first if right is None else (first, matrix(right))
    return Stinespring(data, input_dims=dims[0], output_dims=dims[1])


def _flags(value: Any, encoder: Encoder) -> Node:
    return encoder.array(np.asarray(value, dtype=bool))


def _take_paulis(value: Any, encoder: Encoder) -> list[Node]:
    phases = np.asarray(value.phase, dtype="<i8").reshape(-1)
    return [_flags(value.z, encoder), _flags(value.x, encoder), encoder.array(phases)]


def _make_paulis(decoder: Decoder, z: Node, x: Node, phases: Node) -> PauliList:
    first, second = decoder.numbers(z, "|b1", 2), decoder.numbers(x, "|b1", 2)
    phase = decoder.numbers(phases, "<i8", 1)
    if first.shape != second.shape or len(first) != len(phase) or not len(phase):
        raise Refused("a list of Paulis of different lengths")
    return PauliList.from_symplectic(first, second, phase % 4)


def _make_pauli(decoder: Decoder, z: Node, x: Node, phases: Node) -> Pauli:
    first, second = decoder.numbers(z, "|b1", 1), decoder.numbers(x, "|b1", 1)
    phase = decoder.numbers(phases, "<i8", 1)
    if len(first) != len(second) or len(phase) != 1:
        raise Refused("a Pauli of different lengths")
    return Pauli((first, second, int(phase[0]) % 4))


def _take_sum(value: Any, encoder: Encoder) -> list[Node]:
    coefficients = np.asarray(value.coeffs)
    if coefficients.dtype.hasobject:
        return [encoder.part(value.paulis), None, encoder.parts(coefficients.tolist())]
    return [encoder.part(value.paulis), _matrix(coefficients, encoder), None]


def _make_sum(decoder: Decoder, paulis: Node, numbers: Node, formulas: Node) -> SparsePauliOp:
    terms = decoder.of(paulis, PauliList)
    if formulas is None:
        coefficients = decoder.numbers(numbers, _COMPLEX, 1)
    else:
        found = [parameter(decoder, node) for node in decoder.bare(formulas)]
        coefficients = np.empty(len(found), dtype=object)
        coefficients[:] = found
    if len(coefficients) != len(terms):
        raise Refused("a sum of Paulis with another number of coefficients")
    return SparsePauliOp(terms, coefficients)


def _take_observable(value: Any, encoder: Encoder) -> list[Node]:
    terms = [
        [text, [int(place) for place in places], encoder.part(complex(coefficient))]
        for text, places, coefficient in value.to_sparse_list()
    ]
    return [terms, value.num_qubits]


def _make_observable(decoder: Decoder, terms: Node, qubits: Node) -> SparseObservable:
    found = []
    for term in decoder.bare(terms):
        text, places, coefficient = decoder.bare(term)
        found.append(
            (
                decoder.text(text),
                [decoder.integer(place) for place in decoder.bare(places)],
                decoder.number(coefficient),
            )
        )
    return SparseObservable.from_sparse_list(found, decoder.integer(qubits, 0, 1 << 20))


def _make_clifford(decoder: Decoder, tableau: Node) -> Clifford:
    flags = decoder.numbers(tableau, "|b1", 2)
    if flags.shape[1] != flags.shape[0] + 1:
        raise Refused(f"a tableau of shape {flags.shape}")
    return Clifford(flags, validate=True)


def _take_dihedral(value: Any, encoder: Encoder) -> list[Node]:
    circuit = value.to_circuit()
    if CNOTDihedral(circuit) != value:
        raise Unencodable("CNOTDihedral")
    return [encoder.part(circuit)]


def _make_scalar(decoder: Decoder, dims: Node, coefficient: Node) -> ScalarOp:
    return ScalarOp(_dims(decoder, dims), coeff=decoder.number(coefficient))


KINDS = [
    _state(Statevector, _make_statevector),
    _state(DensityMatrix, _make_density),
    _map(Operator, "o", "i"),
    _map(SuperOp, "oo", "ii"),
    _map(Choi, "io", "io"),
    _map(PTM, "oo", "ii"),
    _map(Chi, "io", "io"),
    Kind("Kraus", (Kraus,), _take_kraus, _make_kraus),
    Kind("Stinespring", (Stinespring,), _take_stinespring, _make_stinespring),
    Kind(
        "Pauli",
        (Pauli,),
        _take_paulis,
        _make_pauli,
    ),
    Kind("PauliList", (PauliList,), _take_paulis, _make_paulis),
    Kind("SparsePauliOp", (SparsePauliOp,), _take_sum, _make_sum),
    Kind("SparseObservable", (SparseObservable,), _take_observable, _make_observable),
    Kind(
        "Clifford",
        (Clifford,),
        lambda value, encoder: [_flags(value.tableau, encoder)],
        _make_clifford,
    ),
    Kind(
        "StabilizerState",
        (StabilizerState,),
        lambda value, encoder: [encoder.part(value.clifford)],
        lambda decoder, clifford: StabilizerState(decoder.of(clifford, Clifford)),
    ),
    Kind(
        "CNOTDihedral",
        (CNOTDihedral,),
        _take_dihedral,
        lambda decoder, circuit: CNOTDihedral(decoder.of(circuit, QuantumCircuit)),
    ),
    Kind(
        "ScalarOp",
        (ScalarOp,),
        lambda value, encoder: [list(value.input_dims()), encoder.part(complex(value.coeff))],
        _make_scalar,
    ),
]
