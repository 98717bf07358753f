"""Families about shots, counts and expectation values that the primitives return."""

from random import Random

from ketune.synthetic.families.subjects import (
    LARGE,
    NOUNS,
    STATE,
    circuit_task,
    histogram_counts,
    names,
    subject,
)
from ketune.synthetic.sample import Picture, Question, Task


def estimate_pauli(rng: Random, picture: bool) -> Task:
    given = subject(rng, picture, size=LARGE)
    n = given.circuit.num_qubits
    label = rng.choice("XYZ") + "".join(rng.choice("IXYZ") for _ in range(n - 1))
    return circuit_task(
        given,
        rng.choice(("Estimate", "Compute", "Return"))
        + f" the expectation of the Pauli {label} for {{}} with the StatevectorEstimator",
        [
            f'job = StatevectorEstimator().run([(qc, SparsePauliOp("{label}"))])',
            "return float(job.result()[0].data.evs)",
        ],
        [
            "state = Statevector(expected)",
            f"value = state.inner(state.evolve(Operator.from_label('{label}'))).real",
            "assert abs(candidate() - value) < 1e-6",
        ],
        names(("estimate_pauli", "pauli_value"), ("of_circuit", "of_state")),
        "float",
        imports={
            "qiskit.primitives": "StatevectorEstimator",
            "qiskit.quantum_info": "SparsePauliOp",
        },
        check_imports={"qiskit.quantum_info": "Operator, Statevector"},
    )


def sample_one_qubit(rng: Random, picture: bool) -> Task:
    given = subject(rng, picture, min_qubits=2, size=LARGE)
    qubit, shots = rng.randrange(given.circuit.num_qubits), rng.randrange(500, 5000, 100)
    return circuit_task(
        given,
        f"Measure only qubit {qubit} of {{}} and return its counts in {shots} shots",
        [
            'qc.add_register(ClassicalRegister(1, "bit"))',
            f"qc.measure({qubit}, 0)",
            f"job = StatevectorSampler(seed=1).run([qc], shots={shots})",
            "return job.result()[0].data.bit.get_counts()",
        ],
        [
            "counts = candidate()",
            f"assert sum(counts.values()) == {shots}",
            f"p = Statevector(expected).probabilities([{qubit}])",
            f"assert all(abs(counts.get(str(bit), 0) / {shots} - p[bit]) < 0.15 for bit in (0, 1))",
        ],
        names(("sample_qubit", "qubit_counts"), NOUNS),
        "dict",
        imports={
            "qiskit": "ClassicalRegister, QuantumCircuit",
            "qiskit.primitives": "StatevectorSampler",
        },
        check_imports=STATE,
    )


def sweep(rng: Random, _: bool) -> Task:
    axis = rng.choice("xy")
    values = sorted(rng.sample(range(1, 32), rng.randint(2, 4)))
    written = [value / 10 for value in values]
    name = rng.choice(("theta", "phi", "alpha"))
    return Task(
        f"Estimate Z after r{axis}({name}) on one qubit at {name} = {written}, in one PUB.",
        [
            f'{name} = Parameter("{name}")',
            "qc = QuantumCircuit(1)",
            f"qc.r{axis}({name}, 0)",
            f"values = [[value] for value in {written}]",
            'pub = (qc, SparsePauliOp("Z"), values)',
            "return StatevectorEstimator().run([pub]).result()[0].data.evs.tolist()",
        ],
        [
            "from math import cos",
            f"pairs = zip(candidate(), {written}, strict=True)",
            "assert all(abs(value - cos(angle)) < 1e-6 for value, angle in pairs)",
        ],
        names(("sweep", "scan"), (name, "parameter")),
        "list",
        imports={
            "qiskit": "QuantumCircuit",
            "qiskit.circuit": "Parameter",
            "qiskit.primitives": "StatevectorEstimator",
            "qiskit.quantum_info": "SparsePauliOp",
        },
    )


def _counts(rng: Random, picture: bool) -> tuple[tuple[tuple[str, int], ...], str, Picture | None]:
    """Counts, their noun phrase, and their histogram if they are shown."""
    counts = histogram_counts(rng, wide=True)
    if picture:
        return (
            counts,
            rng.choice(("the histogram in the image", "the histogram shown")),
            Picture(counts=counts),
        )
    return counts, f"the counts {dict(counts)}", None


def parity(rng: Random, picture: bool) -> Task:
    counts, phrase, drawn = _counts(rng, picture)
    shots = sum(count for _, count in counts)
    total = sum(count * (-1) ** bits.count("1") for bits, count in counts)
    return Task(
        f"Return the expectation of Z on all qubits from {phrase}.",
        [
            f"counts = {dict(counts)}".replace("'", '"'),
            'signed = sum(n * (-1) ** bits.count("1") for bits, n in counts.items())',
            "return signed / sum(counts.values())",
        ],
        [f"assert abs(candidate() - {total} / {shots}) < 1e-9"],
        names(("parity", "z_expectation"), ("from_counts",)),
        "float",
        imports={},
        picture=drawn,
        needs_image=picture,
    )


def marginal(rng: Random, picture: bool) -> Task:
    counts, phrase, drawn = _counts(rng, picture)
    qubit = rng.randrange(len(counts[0][0]))
    sums = [sum(n for bits, n in counts if bits[-1 - qubit] == str(bit)) for bit in (0, 1)]
    return Task(
        f"Return the counts of qubit {qubit} alone from {phrase}.",
        [
            f"counts = {dict(counts)}".replace("'", '"'),
            f"return marginal_counts(counts, [{qubit}])",
        ],
        [
            "counts = candidate()",
            f"assert [counts.get('0', 0), counts.get('1', 0)] == {sums}",
        ],
        names(("marginal", "qubit_counts"), ("of_counts", "from_counts")),
        "dict",
        imports={"qiskit.result": "marginal_counts"},
        picture=drawn,
        needs_image=picture,
    )


def ask_counts(rng: Random, picture: bool) -> Question:
    counts, phrase, drawn = _counts(rng, picture)
    shots = sum(count for _, count in counts)
    bits, most = max(counts, key=lambda item: item[1])
    some, seen = rng.choice(counts)
    ask, answer = rng.choice(
        (
            ("Which outcome is the most frequent in {}", f"{bits} is, with {most} shots."),
            ("How many shots are there in {}", f"There are {shots} shots."),
            (
                f"What share of the shots in {{}} gave {some}",
                f"{seen} of {shots} shots, about {seen / shots:.2f}.",
            ),
            ("How many different outcomes occur in {}", f"{len(counts)} outcomes occur."),
        )
    )
    return Question(ask.format(phrase) + "?", answer, picture=drawn, needs_image=picture)
