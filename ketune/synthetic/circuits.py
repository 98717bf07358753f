"""The circuit language every family shares: small circuits as plain data, and their spellings."""

from dataclasses import dataclass
from random import Random

from qiskit import QuantumCircuit

ONE_QUBIT = ("h", "x", "y", "z", "s", "t")
ROTATIONS = ("rx", "ry", "rz")
SYMMETRIC = ("cz", "swap")
ANGLES = ("pi / 2", "pi / 4", "pi / 8", "pi / 3", "pi")


@dataclass(frozen=True)
class Op:
    """One gate. `angle` is Python source such as "pi / 4" for a rotation and "" otherwise."""

    gate: str
    qubits: tuple[int, ...]
    angle: str = ""


@dataclass(frozen=True)
class Circuit:
    """A register of `num_qubits` qubits and the gates on it, in canonical order (see `layers`)."""

    num_qubits: int
    ops: tuple[Op, ...]


def layers(circuit: Circuit) -> list[list[Op]]:
    """Columns of the drawing: each gate as far left as no drawn wire span overlaps."""
    free = [0] * circuit.num_qubits
    columns: list[list[Op]] = []
    for op in circuit.ops:
        span = range(min(op.qubits), max(op.qubits) + 1)
        column = max(free[wire] for wire in span)
        for wire in span:
            free[wire] = column + 1
        if column == len(columns):
            columns.append([])
        columns[column].append(op)
    return columns


def canonical(circuit: Circuit) -> Circuit:
    """The same circuit with its gates ordered by drawn column, then by wire.

    A picture does not tell the order of gates in one column; one order for all makes the answer
    to a picture unique.
    """
    ops = [op for column in layers(circuit) for op in sorted(column, key=lambda o: min(o.qubits))]
    return Circuit(circuit.num_qubits, tuple(ops))


def random_circuit(
    rng: Random,
    *,
    min_qubits: int = 1,
    max_qubits: int = 3,
    max_ops: int = 4,
    rotations: float = 0.15,
) -> Circuit:
    """A circuit of `min_qubits` to `max_qubits` qubits and 1 to `max_ops` gates.

    No gate is drawn twice in a row on the same qubits. `rotations` is the share of circuits that
    may hold rotation gates.
    """
    sizes = [n for n in (1, 2, 2, 2, 3, 3, 4) if min_qubits <= n <= max_qubits]
    num_qubits = rng.choice(sizes)
    count = rng.choice([n for n in (1, 2, 2, 3, 3, 3, 4, 4, 5, 6) if n <= max_ops])
    turning = rng.random() < rotations
    ops: list[Op] = []
    while len(ops) < count:
        op = random_op(rng, num_qubits, turning)
        if not ops or op != ops[-1]:
            ops.append(op)
    return canonical(Circuit(num_qubits, tuple(ops)))


def random_op(rng: Random, num_qubits: int, turning: bool = False) -> Op:
    """One gate on a register of `num_qubits`; a rotation about a third of the time if `turning`."""
    if num_qubits > 1 and rng.random() < 0.38:
        gate = rng.choice(("cx", "cx", "cx", "cz", "swap"))
        pair = rng.sample(range(num_qubits), 2)
        return Op(gate, tuple(sorted(pair)) if gate in SYMMETRIC else tuple(pair))
    qubit = (rng.randrange(num_qubits),)
    if turning and rng.random() < 0.4:
        return Op(rng.choice(ROTATIONS), qubit, rng.choice(ANGLES))
    return Op(rng.choice(("h", "h", *ONE_QUBIT)), qubit)


def depth(circuit: Circuit) -> int:
    """Qiskit's depth: the longest chain of gates that share qubits."""
    level = [0] * circuit.num_qubits
    for op in circuit.ops:
        top = max(level[qubit] for qubit in op.qubits) + 1
        for qubit in op.qubits:
            level[qubit] = top
    return max(level)


def gate_line(op: Op) -> str:
    """`qc.cx(0, 1)`."""
    arguments = [op.angle] * bool(op.angle) + [str(qubit) for qubit in op.qubits]
    return f"qc.{op.gate}({', '.join(arguments)})"


def code_lines(circuit: Circuit) -> list[str]:
    """The Python that builds the circuit in a variable `qc`, one line a gate."""
    return [f"qc = QuantumCircuit({circuit.num_qubits})", *map(gate_line, circuit.ops)]


def qasm_lines(circuit: Circuit) -> list[str]:
    """OpenQASM 2 statements after the header, `qreg` first."""
    lines = [f"qreg q[{circuit.num_qubits}];"]
    for op in circuit.ops:
        angle = f"({op.angle.replace(' ', '')})" if op.angle else ""
        lines.append(f"{op.gate}{angle} {','.join(f'q[{qubit}]' for qubit in op.qubits)};")
    return lines


def qasm(circuit: Circuit) -> str:
    """An OpenQASM 2 program."""
    return "\n".join(["OPENQASM 2.0;", 'include "qelib1.inc";', *qasm_lines(circuit)]) + "\n"


def rebuilding_line(circuit: Circuit) -> str:
    """Python that rebuilds the circuit in a variable `expected`, from its OpenQASM 2."""
    program = " ".join(["OPENQASM 2.0;", 'include "qelib1.inc";', *qasm_lines(circuit)])
    return f"expected = QuantumCircuit.from_qasm_str({program!r})"


def build(circuit: Circuit) -> QuantumCircuit:
    """The circuit as Qiskit's object, through its OpenQASM text."""
    return QuantumCircuit.from_qasm_str(qasm(circuit))
