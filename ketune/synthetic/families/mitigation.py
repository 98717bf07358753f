"""Families about mitigating noise: folding, extrapolation, twirling, decoupling, readout."""

from math import prod
from random import Random

from ketune.synthetic.families.subjects import (
    LARGE,
    NOUNS,
    OPERATOR,
    QC,
    circuit_task,
    names,
    subject,
)
from ketune.synthetic.sample import Picture, Plot, Question, Task

# P on the control, Q on the target before a gate, and what follows it so that the gate stays.
_AFTER_CX = {"X": ("X", "X"), "Y": ("Y", "X"), "Z": ("Z", "I"), "I": ("I", "I")}
_AFTER_CX_TARGET = {"X": ("I", "X"), "Y": ("Z", "Y"), "Z": ("Z", "Z"), "I": ("I", "I")}
_AFTER_CZ = {"X": ("X", "Z"), "Y": ("Y", "Z"), "Z": ("Z", "I"), "I": ("I", "I")}
_AFTER_CZ_TARGET = {"X": ("Z", "X"), "Y": ("Z", "Y"), "Z": ("I", "Z"), "I": ("I", "I")}
_PRODUCTS = {"XY": "Z", "XZ": "Y", "YZ": "X"}


def _product(a: str, b: str) -> str:
    """The product of two Paulis up to its phase."""
    if a == b:
        return "I"
    if "I" in (a, b):
        return a if b == "I" else b
    return _PRODUCTS["".join(sorted((a, b)))]


def fold_circuit(rng: Random, picture: bool) -> Task:
    given = subject(rng, picture, size=LARGE)
    factor = rng.choice((3, 5))
    body = ["folded = qc.copy()"]
    body += [f"for _ in range({factor // 2}):"]
    body += ["    folded = folded.compose(qc.inverse()).compose(qc)", "return folded"]
    return circuit_task(
        given,
        rng.choice(
            (
                f"Fold {{}} globally to the noise factor {factor}",
                f"Scale the noise of {{}} by {factor} with global unitary folding",
            )
        ),
        body,
        [
            "result = candidate()",
            f"assert result.size() == {factor} * expected.size()",
            "assert Operator(result).equiv(Operator(expected))",
        ],
        names(("fold", "stretch"), NOUNS),
        check_imports=OPERATOR,
    )


def extrapolate(rng: Random, picture: bool) -> Task:
    points, phrase, drawn = _measured(rng, picture)
    zero = _line_at_zero(points)
    factors, values = [x for x, _ in points], [y for _, y in points]
    return Task(
        f"Return the zero-noise value of a line fitted to {phrase}.",
        [
            f"factors, values = {factors}, {values}",
            "slope, zero = np.polyfit(factors, values, 1)",
            "return float(zero)",
        ],
        [f"assert abs(candidate() - {zero!r}) < 1e-6"],
        names(("zne", "extrapolate"), ("fit", "line", "to_zero")),
        "float",
        imports={"numpy": "as np"},
        picture=drawn,
        needs_image=picture,
    )


def richardson(rng: Random, picture: bool) -> Task:
    points, phrase, drawn = _measured(rng, picture)
    zero = sum(
        y * prod(other / (other - x) for other, _ in points if other != x) for x, y in points
    )
    factors, values = [x for x, _ in points], [y for _, y in points]
    return Task(
        f"Return the Richardson extrapolation to zero noise of {phrase}.",
        [
            f"factors, values = {factors}, {values}",
            "coefficients = np.polyfit(factors, values, len(factors) - 1)",
            "return float(coefficients[-1])",
        ],
        [f"assert abs(candidate() - {zero!r}) < 1e-6"],
        names(("richardson", "zne_richardson"), ("value", "to_zero")),
        "float",
        imports={"numpy": "as np"},
        picture=drawn,
        needs_image=picture,
    )


def ask_extrapolation(rng: Random, picture: bool) -> Question:
    points, phrase, drawn = _measured(rng, picture, 2)
    return Question(
        f"Which value at zero noise does a line through {phrase} give?",
        f"It gives {_line_at_zero(points):.3f}.",
        picture=drawn,
        needs_image=picture,
    )


def _measured(
    rng: Random, picture: bool, count: int = 3
) -> tuple[tuple[tuple[int, float], ...], str, Plot | None]:
    """(noise factor, value) points that decay, their noun phrase, and their plot if shown."""
    factors = (1, *sorted(rng.sample((2, 3, 4, 5), count - 1)))
    start, slope = rng.randint(60, 99) / 100, rng.randint(4, 14) / 100
    values = [round(start - slope * x + rng.randint(-9, 9) / 1000, 3) for x in factors]
    points = tuple(zip(factors, values, strict=True))
    if picture:
        phrase = rng.choice(("the points of the plot", "the values plotted in the image"))
        return points, phrase, Plot(points)
    return points, f"the values {values} at noise factors {list(factors)}", None


def _line_at_zero(points: tuple[tuple[int, float], ...]) -> float:
    """Intercept of the least-squares line."""
    n = len(points)
    sx, sy = sum(x for x, _ in points), sum(y for _, y in points)
    sxx, sxy = sum(x * x for x, _ in points), sum(x * y for x, y in points)
    slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
    return (sy - slope * sx) / n


def twirl(rng: Random, _: bool) -> Task:
    gate, n = rng.choice(("cx", "cz")), rng.randint(2, 6)
    a, b = rng.sample(range(n), 2)
    p, q = rng.choice([(x, y) for x in "IXYZ" for y in "IXYZ" if (x, y) != ("I", "I")])
    control, target = (
        (_AFTER_CX, _AFTER_CX_TARGET) if gate == "cx" else (_AFTER_CZ, _AFTER_CZ_TARGET)
    )
    after_a = _product(control[p][0], target[q][0])
    after_b = _product(control[p][1], target[q][1])
    before = [f"qc.{pauli.lower()}({qubit})" for pauli, qubit in ((p, a), (q, b)) if pauli != "I"]
    after = [
        f"qc.{pauli.lower()}({qubit})"
        for pauli, qubit in ((after_a, a), (after_b, b))
        if pauli != "I"
    ]
    return Task(
        f"Twirl the {gate} from qubit {a} to qubit {b} of {n}: apply {p} to qubit {a} and {q} to"
        f" qubit {b}, then {gate}, then the Paulis that leave the whole equal to {gate}.",
        [f"qc = QuantumCircuit({n})", *before, f"qc.{gate}({a}, {b})", *after, "return qc"],
        [
            f"expected = QuantumCircuit({n})",
            f"expected.{gate}({a}, {b})",
            "result = candidate()",
            f"assert result.count_ops()['{gate}'] == 1",
            f"assert result.size() == {len(before) + len(after) + 1}",
            "assert Operator(result).equiv(Operator(expected))",
        ],
        names(("twirl", "twirled"), (gate, "gate")),
        check_imports=QC | OPERATOR,
    )


def decouple(rng: Random, _: bool) -> Task:
    n, sequence = rng.randint(1, 5), rng.choice(("XX", "YY", "XYXY"))
    qubit, quarter = rng.randrange(n), 4 * rng.randint(10, 120)
    total = 4 * quarter
    gaps = {
        "XYXY": [0, quarter, quarter, quarter, quarter],
    }.get(sequence, [quarter, 2 * quarter, quarter])
    lines = [f'qc.delay({gaps[0]}, {qubit}, "dt")'] * (gaps[0] > 0)
    for pulse, gap in zip(sequence, gaps[1:], strict=True):
        lines += [f"qc.{pulse.lower()}({qubit})", f'qc.delay({gap}, {qubit}, "dt")']
    where = (
        "each pulse before a quarter of it"
        if sequence == "XYXY"
        else ("the pulses after a quarter and three quarters of it")
    )
    operations: list[tuple[str, int | None]] = [("delay", gaps[0])] * (gaps[0] > 0)
    for pulse, gap in zip(sequence, gaps[1:], strict=True):
        operations += [(pulse.lower(), None), ("delay", gap)]
    return Task(
        f"Decouple qubit {qubit} of {n} over an idle time of {total} dt with the sequence {sequence},"
        f" {where}.",
        [f"qc = QuantumCircuit({n})", *lines, "return qc"],
        [
            "qc = candidate()",
            f"assert qc.num_qubits == {n}",
            f"assert all(qc.find_bit(i.qubits[0]).index == {qubit} for i in qc.data)",
            "found = [(i.operation.name, i.operation.params) for i in qc.data]",
            f"assert [name for name, _ in found] == {[name for name, _ in operations]}",
            f"assert [p[0] for _, p in found if p] == {[g for _, g in operations if g is not None]}",
        ],
        names(("decouple", "echo", "dd"), ("qubit", "idle_qubit")),
    )


def correct_readout(rng: Random, _: bool) -> Task:
    a, b = rng.randint(1, 80) / 1000, rng.randint(1, 120) / 1000
    truth = rng.randint(1, 19) / 20
    measured = round(truth * (1 - b) + (1 - truth) * a, 4)
    exact = (measured - a) / (1 - a - b)
    return Task(
        f"Return the probability of 1 before readout, when {measured} was measured and the readout"
        f" has P(1|0) = {a} and P(0|1) = {b}.",
        [
            f"assignment = np.array([[1 - {a}, {b}], [{a}, 1 - {b}]])",
            f"return float(np.linalg.solve(assignment, [1 - {measured}, {measured}])[1])",
        ],
        [f"assert abs(candidate() - {exact!r}) < 1e-6"],
        names(("correct", "mitigate"), ("readout", "measurement")),
        "float",
        imports={"numpy": "as np"},
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
        picture=Picture(counts=counts) if picture else None,
        needs_image=picture,
    )
