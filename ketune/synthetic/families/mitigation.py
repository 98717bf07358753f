"""Families about mitigating noise: folding, extrapolation, twirling, decoupling, readout."""

from dataclasses import dataclass
from math import prod
from random import Random

from ketune.synthetic.families.subjects import given_circuit, lines
from ketune.synthetic.sample import Given, Picture, Plot, Question, Task


def fold(rng: Random, _: bool) -> Task:
    gate, k = rng.choice(("cx", "cz", "swap")), rng.choice((3, 5, 7))
    return Task(
        f"Build a 2-qubit circuit with {gate} on qubits 0 and 1 folded {k} times.",
        f"fold|amplify noise|{gate}",
        f"""
        qc = QuantumCircuit(2)
        for _ in range({k}):
            qc.{gate}(0, 1)
        return qc
        """,
        f"""
        qc = candidate()
        assert dict(qc.count_ops()) == {{'{gate}': {k}}} and qc.num_qubits == 2
        """,
    )


def fold_circuit(rng: Random, picture: bool) -> Task:
    given = given_circuit(rng, picture)
    factor = rng.choice((3, 5))
    return Task(
        rng.choice(
            (
                f"Fold {given.phrase} globally to the noise factor {factor}.",
                f"Scale the noise of {given.phrase} by {factor} with global unitary folding.",
            )
        ),
        "fold|stretch circuit|qc|program",
        f"""
        folded = qc.copy()
        for _ in range({factor // 2}):
            folded = folded.compose(qc.inverse()).compose(qc)
        return folded
        """,
        f"""
        result = candidate()
        assert result.size() == {factor} * expected.size()
        assert Operator(result).equiv(Operator(expected))
        """,
        given,
    )


def zne(rng: Random, _: bool) -> Task:
    a, slope = rng.choice((1, 0.9, 0.8)), rng.choice((0.1, 0.05, 0.02))
    values = [round(a - slope * x, 3) for x in (1, 2, 3)]
    return Task(
        f"Extrapolate the values {values} at noise factors [1, 2, 3] linearly to zero.",
        "zne|extrapolate value|zero -> float",
        f"return float(np.polyfit([1, 2, 3], {values}, 1)[1])",
        f"assert abs(candidate() - {a}) < 1e-6",
    )


@dataclass(frozen=True, kw_only=True)
class GivenValues(Given):
    """Expectation values at noise factors, told or shown in a plot."""

    factors: list[int]
    values: list[float]

    @property
    def line_at_zero(self) -> float:
        """Intercept of the least-squares line."""
        n, points = len(self.factors), list(zip(self.factors, self.values, strict=True))
        sx, sy = sum(x for x, _ in points), sum(y for _, y in points)
        sxx, sxy = sum(x * x for x, _ in points), sum(x * y for x, y in points)
        slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
        return (sy - slope * sx) / n


def _given_values(rng: Random, picture: bool, count: int = 3) -> GivenValues:
    """Values that decay with the noise factor."""
    factors = [1, *sorted(rng.sample((2, 3, 4, 5), count - 1))]
    start, slope = rng.randint(60, 99) / 100, rng.randint(4, 14) / 100
    values = [round(start - slope * x + rng.randint(-9, 9) / 1000, 3) for x in factors]
    if picture:
        phrase = rng.choice(("the points of the plot", "the values plotted in the image"))
        plot = Plot(tuple(zip(factors, values, strict=True)))
        return GivenValues(phrase, plot, factors=factors, values=values)
    phrase = f"the values {values} at noise factors {factors}"
    return GivenValues(phrase, factors=factors, values=values)


def extrapolate(rng: Random, picture: bool) -> Task:
    given = _given_values(rng, picture)
    return Task(
        f"Return the zero-noise value of a line fitted to {given.phrase}.",
        "zne|extrapolate fit|line|to_zero -> float",
        f"""
        factors, values = {given.factors}, {given.values}
        slope, zero = np.polyfit(factors, values, 1)
        return float(zero)
        """,
        f"assert abs(candidate() - {given.line_at_zero!r}) < 1e-6",
        given,
    )


def richardson(rng: Random, picture: bool) -> Task:
    given = _given_values(rng, picture)
    zero = sum(
        y * prod(other / (other - x) for other in given.factors if other != x)
        for x, y in zip(given.factors, given.values, strict=True)
    )
    return Task(
        f"Return the Richardson extrapolation to zero noise of {given.phrase}.",
        "richardson|zne_richardson value|to_zero -> float",
        f"""
        factors, values = {given.factors}, {given.values}
        coefficients = np.polyfit(factors, values, len(factors) - 1)
        return float(coefficients[-1])
        """,
        f"assert abs(candidate() - {zero!r}) < 1e-6",
        given,
    )


def ask_extrapolation(rng: Random, picture: bool) -> Question:
    given = _given_values(rng, picture, 2)
    return Question(
        f"Which value at zero noise does a line through {given.phrase} give?",
        f"It gives {given.line_at_zero:.3f}.",
        given,
    )


# (P on the first qubit, P on the second) before a gate: the Paulis after it that undo them.
_AFTER = {
    "cx": {
        "X": (("X", "X"), ("I", "X")),
        "Y": (("Y", "X"), ("Z", "Y")),
        "Z": (("Z", "I"), ("Z", "Z")),
        "I": (("I", "I"), ("I", "I")),
    },
    "cz": {
        "X": (("X", "Z"), ("Z", "X")),
        "Y": (("Y", "Z"), ("Z", "Y")),
        "Z": (("Z", "I"), ("I", "Z")),
        "I": (("I", "I"), ("I", "I")),
    },
}


def _product(a: str, b: str) -> str:
    """The product of two Paulis up to its phase."""
    if a == b:
        return "I"
    return ({a, b} - {"I"} if "I" in (a, b) else {"X", "Y", "Z"} - {a, b}).pop()


def twirl(rng: Random, _: bool) -> Task:
    gate, n = rng.choice(("cx", "cz")), rng.randint(2, 6)
    a, b = rng.sample(range(n), 2)
    p, q = rng.choice([(x, y) for x in "IXYZ" for y in "IXYZ" if (x, y) != ("I", "I")])
    first, second = _AFTER[gate][p][0], _AFTER[gate][q][1]
    after_a, after_b = (_product(x, y) for x, y in zip(first, second, strict=True))
    before, after = (
        [f"qc.{pauli.lower()}({qubit})" for pauli, qubit in pair if pauli != "I"]
        for pair in (((p, a), (q, b)), ((after_a, a), (after_b, b)))
    )
    return Task(
        f"Twirl the {gate} from qubit {a} to qubit {b} of {n}: apply {p} to qubit {a} and {q} to"
        f" qubit {b}, then {gate}, then the Paulis that leave the whole equal to {gate}.",
        f"twirl|twirled {gate}|gate",
        f"""
        qc = QuantumCircuit({n})
        {lines(before)}
        qc.{gate}({a}, {b})
        {lines(after)}
        return qc
        """,
        f"""
        expected = QuantumCircuit({n})
        expected.{gate}({a}, {b})
        result = candidate()
        assert result.count_ops()['{gate}'] == 1
        assert result.size() == {len(before) + len(after) + 1}
        assert Operator(result).equiv(Operator(expected))
        """,
    )


def decouple(rng: Random, _: bool) -> Task:
    n, sequence = rng.randint(1, 5), rng.choice(("XX", "YY", "XYXY"))
    qubit, quarter = rng.randrange(n), 4 * rng.randint(10, 120)
    if sequence == "XYXY":
        where = "each pulse before a quarter of it"
        operations = [step for pulse in "xyxy" for step in (pulse, quarter)]
    else:
        where = "the pulses after a quarter and three quarters of it"
        pulse = sequence[0].lower()
        operations = [quarter, pulse, 2 * quarter, pulse, quarter]
    gaps = [step for step in operations if isinstance(step, int)]
    kinds = ["delay" if isinstance(step, int) else step for step in operations]
    steps = [
        f'qc.delay({step}, {qubit}, "dt")' if isinstance(step, int) else f"qc.{step}({qubit})"
        for step in operations
    ]
    return Task(
        f"Decouple qubit {qubit} of {n} over an idle time of {4 * quarter} dt with the sequence"
        f" {sequence}, {where}.",
        "decouple|echo|dd qubit|idle_qubit",
        f"""
        qc = QuantumCircuit({n})
        {lines(steps)}
        return qc
        """,
        f"""
        qc = candidate()
        assert qc.num_qubits == {n}
        assert all(qc.find_bit(i.qubits[0]).index == {qubit} for i in qc.data)
        found = [(i.operation.name, i.operation.params) for i in qc.data]
        assert [name for name, _ in found] == {kinds}
        assert [p[0] for _, p in found if p] == {gaps}
        """,
    )


def correct_readout(rng: Random, _: bool) -> Task:
    a, b = rng.randint(1, 80) / 1000, rng.randint(1, 120) / 1000
    truth = rng.randint(1, 19) / 20
    measured = round(truth * (1 - b) + (1 - truth) * a, 4)
    exact = (measured - a) / (1 - a - b)
    return Task(
        f"Return the probability of 1 before readout, when {measured} was measured and the readout"
        f" has P(1|0) = {a} and P(0|1) = {b}.",
        "correct|mitigate readout|measurement -> float",
        f"""
        assignment = np.array([[1 - {a}, {b}], [{a}, 1 - {b}]])
        return float(np.linalg.solve(assignment, [1 - {measured}, {measured}])[1])
        """,
        f"assert abs(candidate() - {exact!r}) < 1e-6",
    )


def ask_readout(rng: Random, picture: bool) -> Question:
    """A prepared basis state and what was measured; shown as a histogram or told."""
    prepared, shots = rng.choice("01"), rng.choice((1000, 2000, 4000))
    wrong = rng.randint(5, shots // 8)
    right = shots - wrong
    counts = (("0", right), ("1", wrong)) if prepared == "0" else (("0", wrong), ("1", right))
    phrase = "the histogram in the image" if picture else f"the counts {dict(counts)}"
    return Question(
        f"A qubit was prepared in |{prepared}>. How large is its readout error by {phrase}?",
        f"{wrong} of {shots} shots are wrong, about {wrong / shots:.3f}.",
        Given(phrase, Picture(counts=counts) if picture else None),
    )
