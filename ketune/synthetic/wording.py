"""English for circuits, tasks and function names, varied by composition."""

from collections.abc import Sequence
from random import Random

from ketune.synthetic.circuits import SYMMETRIC, Circuit, Op, qasm_lines

GATE_NAMES = {
    "h": "Hadamard",
    "x": "Pauli-X",
    "y": "Pauli-Y",
    "z": "Pauli-Z",
    "s": "S",
    "t": "T",
    "cx": "CNOT",
    "cz": "CZ",
    "swap": "SWAP",
}
SYNONYMS = {
    "Build": ("Build", "Create", "Construct", "Make", "Write"),
    "Create": ("Build", "Create", "Construct", "Make", "Write"),
    "Construct": ("Build", "Create", "Construct", "Make", "Write"),
    "Prepare": ("Prepare", "Create", "Set up"),
    "Return": ("Return", "Return", "Compute", "Give", "Find", "Get"),
    "Compute": ("Return", "Compute", "Calculate", "Find", "Get"),
}
STYLES = ("plain", "plain", "names", "calls")


def op_phrase(op: Op, style: str) -> str:
    """One gate in English; `style` is plain, names or calls."""
    qubits = op.qubits
    angle = op.angle.replace(" ", "")
    if style == "calls":
        return f"{op.gate}({', '.join([angle] * bool(angle) + [str(q) for q in qubits])})"
    gate = op.gate + (f"({angle})" if angle else "")
    if style == "names":
        gate = GATE_NAMES.get(op.gate, gate)
        if op.gate == "cx":
            return f"{gate} with control {qubits[0]} and target {qubits[1]}"
    if len(qubits) == 1:
        return f"{gate} on qubit {qubits[0]}"
    if op.gate in SYMMETRIC:
        return f"{gate} on qubits {qubits[0]} and {qubits[1]}"
    return f"{gate} from qubit {qubits[0]} to qubit {qubits[1]}"


def ops_phrase(ops: Sequence[Op], rng: Random) -> str:
    """Gates in order, all in one style: `h on qubit 0, cx from qubit 0 to qubit 1`."""
    style = rng.choice(STYLES)
    return ", ".join(op_phrase(op, style) for op in ops)


def describe(circuit: Circuit, rng: Random) -> str:
    """A noun phrase that determines the circuit: in English, or as OpenQASM 2 statements."""
    if rng.random() < 0.25:
        return f"the circuit `{' '.join(qasm_lines(circuit))}`"
    return f"the {circuit.num_qubits}-qubit circuit with {ops_phrase(circuit.ops, rng)}"


def shown(rng: Random) -> str:
    """A noun phrase for a circuit which only the image determines."""
    return rng.choice(
        (
            "the circuit shown in the image",
            "the circuit in the image",
            "the circuit shown",
            "the circuit of the diagram",
        )
    )


def code_request(name: str, rng: Random) -> str:
    """The sentence that ends a code_generation question."""
    lead = rng.choice(
        (
            "You must implement this using a function named",
            "You must implement this using a function named",
            "Implement it as a function named",
        )
    )
    return f"{lead} `{name}` with no arguments."


def reword(ask: str, rng: Random) -> str:
    """The request with another verb in front of it."""
    verb, _, rest = ask.partition(" ")
    return f"{rng.choice(SYNONYMS.get(verb, (verb,)))} {rest}"
