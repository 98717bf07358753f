"""Families about running circuits with the primitives and Aer, and reading what comes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ketune.synthetic.families.subjects import PAULIS, about_circuit, counts, given_circuit, letters
from ketune.synthetic.sample import Given, Picture, Question, Task

sampler_counts = about_circuit(
    [
        "Sample {} with 1024 shots and return the counts",
        "Measure {} 1024 times with the StatevectorSampler and return the counts",
    ],
    "sample|counts_of circuit|qc|program -> dict",
    """
    qc.measure_all()
    job = StatevectorSampler(seed=1).run([qc], shots=1024)
    return job.result()[0].data.meas.get_counts()
    """,
    """
    counts = candidate()
    assert sum(counts.values()) == 1024
    p = Statevector(expected).probabilities_dict()
    assert all(abs(counts.get(k, 0) / 1024 - p.get(k, 0)) < 0.1 for k in set(counts) | set(p))
    """,
)

estimator_z = about_circuit(
    [
        "Estimate Z on qubit 0 of {} with the StatevectorEstimator",
        "Return the expectation of Z on qubit 0 of {} from the StatevectorEstimator",
    ],
    "estimate_z|z_of circuit|qc|program -> float",
    lambda c: (
        f"""
    job = StatevectorEstimator().run([(qc, SparsePauliOp("{"I" * (c.num_qubits - 1)}Z"))])
    return float(job.result()[0].data.evs)
    """
    ),
    """
    p = Statevector(expected).probabilities([0])
    assert abs(candidate() - (p[0] - p[1])) < 1e-6
    """,
)


def estimate_pauli(rng: Random, picture: bool) -> Task:
    given = given_circuit(rng, picture)
    label = rng.choice("XYZ") + letters(rng, PAULIS, given.num_qubits - 1)
    verb = rng.choice(("Estimate", "Compute", "Return"))
    return Task(
        f"{verb} the expectation of the Pauli {label} for {given.phrase} with the"
        " StatevectorEstimator.",
        "estimate_pauli|pauli_value of_circuit|of_state -> float",
        f"""
        job = StatevectorEstimator().run([(qc, SparsePauliOp("{label}"))])
        return float(job.result()[0].data.evs)
        """,
        f"""
        state = Statevector(expected)
        value = state.inner(state.evolve(Operator.from_label('{label}'))).real
        assert abs(candidate() - value) < 1e-6
        """,
        given,
    )


def sample_one_qubit(rng: Random, picture: bool) -> Task:
    given = given_circuit(rng, picture, min_qubits=2)
    qubit, shots = rng.randrange(given.num_qubits), rng.randrange(500, 5000, 100)
    return Task(
        f"Measure only qubit {qubit} of {given.phrase} and return its counts in {shots} shots.",
        "sample_qubit|qubit_counts circuit|qc|program -> dict",
        f"""
        qc.add_register(ClassicalRegister(1, "bit"))
        qc.measure({qubit}, 0)
        job = StatevectorSampler(seed=1).run([qc], shots={shots})
        return job.result()[0].data.bit.get_counts()
        """,
        f"""
        counts = candidate()
        assert sum(counts.values()) == {shots}
        p = Statevector(expected).probabilities([{qubit}])
        assert all(abs(counts.get(str(bit), 0) / {shots} - p[bit]) < 0.15 for bit in (0, 1))
        """,
        given,
    )


def sweep(rng: Random, _: bool) -> Task:
    axis = rng.choice("xy")
    values = sorted(rng.sample(range(1, 32), rng.randint(2, 4)))
    written = [value / 10 for value in values]
    name = rng.choice(("theta", "phi", "alpha"))
    return Task(
        f"Estimate Z after r{axis}({name}) on one qubit at {name} = {written}, in one PUB.",
        f"sweep|scan {name}|parameter -> list",
        f"""
        {name} = Parameter("{name}")
        qc = QuantumCircuit(1)
        qc.r{axis}({name}, 0)
        values = [[value] for value in {written}]
        pub = (qc, SparsePauliOp("Z"), values)
        return StatevectorEstimator().run([pub]).result()[0].data.evs.tolist()
        """,
        f"""
        from math import cos
        pairs = zip(candidate(), {written}, strict=True)
        assert all(abs(value - cos(angle)) < 1e-6 for value, angle in pairs)
        """,
    )


def shots(rng: Random, _: bool, numbers: Sequence[int] = (100, 200, 500, 1000, 2000)) -> Task:
    n, k = rng.choice(numbers), rng.randint(1, 3)
    return Task(
        f"Run a {k}-qubit uniform superposition on AerSimulator with {n} shots"
        " and return the counts.",
        "run|simulate counts|shots -> dict",
        f"""
        qc = QuantumCircuit({k})
        qc.h(range({k}))
        qc.measure_all()
        return AerSimulator().run(qc, shots={n}).result().get_counts()
        """,
        f"""
        c = candidate()
        assert sum(c.values()) == {n} and len(c) == {2**k}
        """,
    )


@dataclass(frozen=True, kw_only=True)
class GivenCounts(Given):
    """Counts that a task is about, told or shown as a histogram."""

    counts: tuple[tuple[str, int], ...]

    @property
    def shots(self) -> int:
        return sum(number for _, number in self.counts)

    @property
    def code(self) -> str:
        return str(dict(self.counts)).replace("'", '"')


def _given_counts(rng: Random, picture: bool) -> GivenCounts:
    measured = counts(rng, wide=True)
    if picture:
        phrase = rng.choice(("the histogram in the image", "the histogram shown"))
        return GivenCounts(phrase, Picture(counts=measured), counts=measured)
    return GivenCounts(f"the counts {dict(measured)}", counts=measured)


def parity(rng: Random, picture: bool) -> Task:
    given = _given_counts(rng, picture)
    total = sum(number * (-1) ** bits.count("1") for bits, number in given.counts)
    return Task(
        f"Return the expectation of Z on all qubits from {given.phrase}.",
        "parity|z_expectation from_counts -> float",
        f"""
        counts = {given.code}
        signed = sum(n * (-1) ** bits.count("1") for bits, n in counts.items())
        return signed / sum(counts.values())
        """,
        f"assert abs(candidate() - {total} / {given.shots}) < 1e-9",
        given,
    )


def marginal(rng: Random, picture: bool) -> Task:
    given = _given_counts(rng, picture)
    qubit = rng.randrange(len(given.counts[0][0]))
    sums = [sum(n for bits, n in given.counts if bits[-1 - qubit] == bit) for bit in "01"]
    return Task(
        f"Return the counts of qubit {qubit} alone from {given.phrase}.",
        "marginal|qubit_counts of_counts|from_counts -> dict",
        f"""
        counts = {given.code}
        return marginal_counts(counts, [{qubit}])
        """,
        f"""
        counts = candidate()
        assert [counts.get('0', 0), counts.get('1', 0)] == {sums}
        """,
        given,
    )


def _extreme(rng: Random, measured: tuple[tuple[str, int], ...]) -> tuple[str, str]:
    """("most" or "least", the outcome that is the most or least frequent)."""
    most = rng.random() < 0.7
    outcome, _ = (max if most else min)(measured, key=lambda item: item[1])
    return "most" if most else "least", outcome


def most_frequent(rng: Random, _: bool, wide: bool = False) -> Task:
    measured = counts(rng, wide=wide)
    word, best = _extreme(rng, measured)
    return Task(
        f"Return the {word} frequent outcome of the histogram in the image.",
        f"{word}|{word}_frequent outcome|bits -> str",
        f'return "{best}"',
        f"assert candidate() == '{best}'",
        Given(picture=Picture(counts=measured)),
    )


def ask_histogram(rng: Random, _: bool) -> Question:
    measured = counts(rng)
    word, best = _extreme(rng, measured)
    return Question(
        f"Which outcome of the histogram is the {word} frequent?",
        f"The {word} frequent outcome is {best}.",
        Given(picture=Picture(counts=measured)),
    )


def ask_counts(rng: Random, picture: bool) -> Question:
    given = _given_counts(rng, picture)
    bits, most = max(given.counts, key=lambda item: item[1])
    some, seen = rng.choice(given.counts)
    ask, answer = rng.choice(
        (
            (
                f"Which outcome is the most frequent in {given.phrase}?",
                f"{bits} is, with {most} shots.",
            ),
            (f"How many shots are there in {given.phrase}?", f"There are {given.shots} shots."),
            (
                f"What share of the shots in {given.phrase} gave {some}?",
                f"{seen} of {given.shots} shots, about {seen / given.shots:.2f}.",
            ),
            (
                f"How many different outcomes occur in {given.phrase}?",
                f"{len(given.counts)} outcomes occur.",
            ),
        )
    )
    return Question(ask, answer, given)
