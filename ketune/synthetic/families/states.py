"""Families about the state or operator that a given circuit, label or picture stands for."""

from random import Random

from ketune.synthetic.families.subjects import (
    NOUNS,
    OPERATOR,
    SAME_STATE,
    STATE,
    about_circuit,
    bits,
    names,
)
from ketune.synthetic.sample import Picture, Task

statevector = about_circuit(
    ["Return the statevector of {}", "Compute the statevector prepared by {}"],
    lambda c: ["return Statevector(qc)"],
    lambda c: ["assert candidate().equiv(Statevector(expected))"],
    names(("state_of", "statevector_of"), NOUNS),
    "Statevector",
    imports=STATE,
    check_imports=STATE,
)


probabilities = about_circuit(
    [
        "Return the outcome probabilities of {} as a dict",
        "Compute the probability of each outcome of {}",
    ],
    lambda c: ["return Statevector(qc).probabilities_dict()"],
    lambda c: [
        "p = candidate()",
        "q = Statevector(expected).probabilities_dict()",
        "assert all(abs(p.get(k, 0) - q.get(k, 0)) < 1e-9 for k in set(p) | set(q))",
    ],
    names(("probabilities_of", "outcomes_of"), NOUNS),
    "dict",
    imports=STATE,
    check_imports=STATE,
)


unitary = about_circuit(
    ["Return the unitary of {} as an Operator", "Compute the operator of {}"],
    lambda c: ["return Operator(qc)"],
    lambda c: ["assert candidate().equiv(Operator(expected))"],
    names(("unitary_of", "operator_of"), NOUNS),
    "Operator",
    imports=OPERATOR,
    check_imports=OPERATOR,
)


density = about_circuit(
    [
        "Return the density matrix of the state of {}",
        "Compute the density matrix prepared by {}",
    ],
    lambda c: ["return DensityMatrix(qc)"],
    lambda c: [
        "import numpy as np",
        "assert np.allclose(candidate().data, Statevector(expected).to_operator().data)",
    ],
    names(("density_of",), NOUNS),
    "DensityMatrix",
    imports={"qiskit.quantum_info": "DensityMatrix"},
    check_imports=STATE,
)


expectation_z = about_circuit(
    [
        "Return the expectation value of Z on every qubit for {}",
        "Compute the expectation of Z on all qubits of {}",
    ],
    lambda c: [f'return Statevector(qc).expectation_value(Pauli("{"Z" * c.num_qubits}")).real'],
    lambda c: [
        "p = Statevector(expected).probabilities_dict()",
        'value = sum(q * (-1) ** k.count("1") for k, q in p.items())',
        "assert abs(candidate() - value) < 1e-9",
    ],
    names(("expect_z_of", "z_value_of"), NOUNS),
    "float",
    imports={"qiskit.quantum_info": "Pauli, Statevector"},
    check_imports=STATE,
)


def basis_state(rng: Random, _: bool, max_bits: int = 4) -> Task:
    text = bits(rng, high=max_bits)
    body = [f"qc = QuantumCircuit({len(text)})"] + [
        f"qc.x({i})" for i, bit in enumerate(reversed(text)) if bit == "1"
    ]
    return Task(
        f"Prepare the basis state |{text}>, qubit 0 rightmost.",
        [*body, "return qc"],
        [f"expected = Statevector.from_label('{text}')", SAME_STATE],
        names(("prepare", "encode"), ("bits", "state")),
        check_imports=STATE,
    )


def label_state(rng: Random, _: bool) -> Task:
    label = "".join(rng.choice("01+-rl") for _ in range(rng.randint(1, 4)))
    return Task(
        f"Return the statevector of the label '{label}'.",
        [f'return Statevector.from_label("{label}")'],
        [f"assert candidate().equiv(Statevector.from_label('{label}'))"],
        names(("label", "state_of"), ("state", "label")),
        "Statevector",
        imports=STATE,
        check_imports=STATE,
    )


def fidelity(rng: Random, _: bool) -> Task:
    label = "".join(rng.choice("01+-") for _ in range(rng.randint(2, 3)))
    other = "".join(rng.choice("01+-") for _ in range(len(label)))
    return Task(
        f"Return the state fidelity of '{label}' and '{other}'.",
        [
            f'return state_fidelity(Statevector.from_label("{label}"), Statevector.from_label("{other}"))'
        ],
        [
            f"a, b = Statevector.from_label('{label}'), Statevector.from_label('{other}')",
            "assert abs(candidate() - abs(a.inner(b)) ** 2) < 1e-9",
        ],
        names(("fidelity", "overlap"), ("of_states",)),
        "float",
        imports={"qiskit.quantum_info": "Statevector, state_fidelity"},
        check_imports=STATE,
    )


def reduced(rng: Random, _: bool) -> Task:
    n = rng.randint(2, 3)
    label, q = "".join(rng.choice("01+-rl") for _ in range(n)), rng.randrange(n)
    return Task(
        f"Trace qubit {q} out of the state '{label}'.",
        [f'return partial_trace(Statevector.from_label("{label}"), [{q}])'],
        [
            "from qiskit.quantum_info import DensityMatrix",
            f"label = '{label}'",
            f"rest = label[:{n - 1 - q}] + label[{n - q}:]",
            "assert candidate() == DensityMatrix.from_label(rest)",
        ],
        names(("trace", "reduce"), ("state",)),
        "DensityMatrix",
        imports={"qiskit.quantum_info": "DensityMatrix, Statevector, partial_trace"},
    )


def bloch_state(rng: Random, _: bool) -> Task:
    label = rng.choice("01+-rl")
    return Task(
        ask="Return the statevector of the qubit on the Bloch sphere shown.",
        body=(f'return Statevector.from_label("{label}")',),
        check=(f"assert candidate().equiv(Statevector.from_label('{label}'))",),
        names=names(("bloch", "sphere"), ("state",)),
        returns="Statevector",
        imports=STATE,
        check_imports=STATE,
        picture=Picture(bloch=label),
        needs_image=True,
    )
