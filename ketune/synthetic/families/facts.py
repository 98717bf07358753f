"""What questions about concepts know: (subject, fact) pairs by category."""

from ketune.synthetic.sample import ALGORITHMS, EXECUTION, HARDWARE, INFO, NOISE, TRANSPILATION

FRAMES = (
    "What does {} do?",
    "Explain {} in a sentence.",
    "Describe the effect of {}.",
    "What is the purpose of {} in Qiskit?",
    "In one sentence, what is {} for?",
    "Why would you use {}?",
)
GATE_FACTS = (
    (
        "the Hadamard gate",
        "It maps |0> to |+> and |1> to |->, so it creates an equal superposition.",
    ),
    ("the Pauli-X gate", "It flips |0> and |1>, like a classical NOT."),
    ("the Pauli-Z gate", "It leaves |0> alone and flips the phase of |1>."),
    ("the Pauli-Y gate", "It flips the qubit and its phase, and equals iXZ."),
    ("the S gate", "It adds a phase of pi/2 to |1>, and its square is Z."),
    ("the T gate", "It adds a phase of pi/4 to |1>, and its square is S."),
    ("the CNOT gate", "It flips the target qubit when the control qubit is |1>."),
    ("the CZ gate", "It flips the phase of |11> and is symmetric in its qubits."),
    ("the SWAP gate", "It exchanges the states of two qubits and equals three CNOTs."),
)
FACTS = {
    TRANSPILATION: (
        (
            "transpilation",
            "It rewrites a circuit to the basis gates and connectivity of a backend.",
        ),
        ("optimization level 3", "It spends the most effort on reducing gates and depth."),
        ("optimization level 0", "It only maps the circuit to the backend without optimizing it."),
        ("a coupling map", "It lists the pairs of qubits on which two-qubit gates can act."),
        ("layout selection", "It assigns virtual qubits to physical qubits."),
        ("routing", "It inserts SWAP gates so that two-qubit gates act on neighbours."),
    ),
    EXECUTION: (
        ("the Sampler primitive", "It runs circuits and returns their measured bitstrings."),
        ("the Estimator primitive", "It computes expectation values of observables for circuits."),
        ("a PUB", "It bundles a circuit with its observables and parameter values."),
        ("the number of shots", "It sets how often a circuit is measured."),
        ("a Session", "It groups jobs so that they run without queueing again."),
    ),
    NOISE: (
        (
            "zero-noise extrapolation",
            "It measures at several noise levels and extrapolates to zero noise.",
        ),
        ("twirling", "It averages over random Pauli gates so that noise becomes a Pauli channel."),
        ("dynamical decoupling", "It applies pulses to idle qubits to cancel slow noise."),
        ("readout mitigation", "It inverts the measured assignment errors of the outcomes."),
        (
            "a depolarizing error",
            "It replaces the state by the maximally mixed one with some probability.",
        ),
    ),
    ALGORITHMS: (
        ("Grover's algorithm", "It finds a marked item among N with about sqrt(N) queries."),
        (
            "the quantum Fourier transform",
            "It maps basis states to phases and underlies phase estimation.",
        ),
        ("phase estimation", "It estimates the phase of an eigenvalue of a unitary."),
        ("VQE", "It minimises the energy of a parameterised state with a classical optimiser."),
        ("QAOA", "It alternates cost and mixer layers to solve optimisation problems."),
        ("the Bernstein-Vazirani algorithm", "It finds a secret string with one query."),
    ),
    HARDWARE: (
        ("QiskitRuntimeService", "It gives access to IBM backends and their jobs."),
        ("a fake backend", "It mimics the properties of a real device for local tests."),
        ("T1", "It is the time in which a qubit relaxes from |1> to |0>."),
        ("T2", "It is the time in which a qubit loses its phase."),
        (
            "a backend target",
            "It lists the instructions of a device with their errors and durations.",
        ),
    ),
    INFO: (
        ("a density matrix", "It describes pure and mixed states alike."),
        ("the partial trace", "It gives the state of a part by discarding the rest."),
        ("state fidelity", "It measures how close two states are, from 0 to 1."),
        ("entanglement entropy", "It measures how strongly two parts are entangled."),
        ("a stabilizer", "It is an operator that leaves a state unchanged."),
    ),
}
