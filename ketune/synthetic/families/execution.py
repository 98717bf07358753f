"""Families about running circuits and reading what comes back."""

from collections.abc import Sequence
from random import Random

from ketune.synthetic.families.subjects import (
    NOUNS,
    QC,
    STATE,
    about_circuit,
    histogram_counts,
    names,
)
from ketune.synthetic.sample import Picture, Task

sampler_counts = about_circuit(
    [
        "Sample {} with 1024 shots and return the counts",
        "Measure {} 1024 times with the StatevectorSampler and return the counts",
    ],
    lambda c: [
        "qc.measure_all()",
        "job = StatevectorSampler(seed=1).run([qc], shots=1024)",
        "return job.result()[0].data.meas.get_counts()",
    ],
    lambda c: [
        "counts = candidate()",
        "assert sum(counts.values()) == 1024",
        "p = Statevector(expected).probabilities_dict()",
        "assert all(abs(counts.get(k, 0) / 1024 - p.get(k, 0)) < 0.1 for k in set(counts) | set(p))",
    ],
    names(("sample", "counts_of"), NOUNS),
    "dict",
    imports={"qiskit.primitives": "StatevectorSampler"},
    check_imports=STATE,
)


estimator_z = about_circuit(
    [
        "Estimate Z on qubit 0 of {} with the StatevectorEstimator",
        "Return the expectation of Z on qubit 0 of {} from the StatevectorEstimator",
    ],
    lambda c: [
        f'job = StatevectorEstimator().run([(qc, SparsePauliOp("{"I" * (c.num_qubits - 1)}Z"))])',
        "return float(job.result()[0].data.evs)",
    ],
    lambda c: [
        "p = Statevector(expected).probabilities([0])",
        "assert abs(candidate() - (p[0] - p[1])) < 1e-6",
    ],
    names(("estimate_z", "z_of"), NOUNS),
    "float",
    imports={
        "qiskit.primitives": "StatevectorEstimator",
        "qiskit.quantum_info": "SparsePauliOp",
    },
    check_imports=STATE,
)


def shots(rng: Random, _: bool, numbers: Sequence[int] = (100, 200, 500, 1000, 2000)) -> Task:
    n, k = rng.choice(numbers), rng.randint(1, 3)
    return Task(
        f"Run a {k}-qubit uniform superposition on AerSimulator with {n} shots and return the counts.",
        [
            f"qc = QuantumCircuit({k})",
            f"qc.h(range({k}))",
            "qc.measure_all()",
            f"return AerSimulator().run(qc, shots={n}).result().get_counts()",
        ],
        ["c = candidate()", f"assert sum(c.values()) == {n} and len(c) == {2**k}"],
        names(("run", "simulate"), ("counts", "shots")),
        "dict",
        imports=QC | {"qiskit_aer": "AerSimulator"},
    )


def most_frequent(rng: Random, _: bool, wide: bool = False) -> Task:
    counts = histogram_counts(rng, wide=wide)
    most = rng.random() < 0.7
    best = (max if most else min)(counts, key=lambda item: item[1])[0]
    word = "most" if most else "least"
    return Task(
        ask=f"Return the {word} frequent outcome of the histogram in the image.",
        body=(f'return "{best}"',),
        check=(f"assert candidate() == '{best}'",),
        names=names((word, f"{word}_frequent"), ("outcome", "bits")),
        returns="str",
        imports={},
        picture=Picture(counts=counts),
        needs_image=True,
    )
