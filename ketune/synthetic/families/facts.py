"""What questions about concepts know: by category a fact of each subject, core tier and wide."""

from ketune.synthetic.sample import (
    ALGORITHMS,
    CIRCUITS,
    EXECUTION,
    HARDWARE,
    INFO,
    NOISE,
    TRANSPILATION,
)

CORE_FRAMES = (
    "What does {} do?",
    "Explain {} in a sentence.",
    "Describe the effect of {}.",
    "What is the purpose of {} in Qiskit?",
    "In one sentence, what is {} for?",
    "Why would you use {}?",
)
CORE_GATE_FACTS = {
    "the Hadamard gate": "It maps |0> to |+> and |1> to |->, so it creates an equal superposition.",
    "the Pauli-X gate": "It flips |0> and |1>, like a classical NOT.",
    "the Pauli-Z gate": "It leaves |0> alone and flips the phase of |1>.",
    "the Pauli-Y gate": "It flips the qubit and its phase, and equals iXZ.",
    "the S gate": "It adds a phase of pi/2 to |1>, and its square is Z.",
    "the T gate": "It adds a phase of pi/4 to |1>, and its square is S.",
    "the CNOT gate": "It flips the target qubit when the control qubit is |1>.",
    "the CZ gate": "It flips the phase of |11> and is symmetric in its qubits.",
    "the SWAP gate": "It exchanges the states of two qubits and equals three CNOTs.",
}
CORE_FACTS = {
    TRANSPILATION: {
        "transpilation": "It rewrites a circuit to the basis gates and connectivity of a backend.",
        "optimization level 3": "It spends the most effort on reducing gates and depth.",
        "optimization level 0": "It only maps the circuit to the backend without optimizing it.",
        "a coupling map": "It lists the pairs of qubits on which two-qubit gates can act.",
        "layout selection": "It assigns virtual qubits to physical qubits.",
        "routing": "It inserts SWAP gates so that two-qubit gates act on neighbours.",
    },
    EXECUTION: {
        "the Sampler primitive": "It runs circuits and returns their measured bitstrings.",
        "the Estimator primitive": "It computes expectation values of observables for circuits.",
        "a PUB": "It bundles a circuit with its observables and parameter values.",
        "the number of shots": "It sets how often a circuit is measured.",
        "a Session": "It groups jobs so that they run without queueing again.",
    },
    NOISE: {
        "zero-noise extrapolation": "It measures at several noise levels and"
        " extrapolates to zero noise.",
        "twirling": "It averages over random Pauli gates so that noise becomes a Pauli channel.",
        "dynamical decoupling": "It applies pulses to idle qubits to cancel slow noise.",
        "readout mitigation": "It inverts the measured assignment errors of the outcomes.",
        "a depolarizing error": "It replaces the state by the maximally mixed one with"
        " some probability.",
    },
    ALGORITHMS: {
        "Grover's algorithm": "It finds a marked item among N with about sqrt(N) queries.",
        "the quantum Fourier transform": "It maps basis states to phases and underlies"
        " phase estimation.",
        "phase estimation": "It estimates the phase of an eigenvalue of a unitary.",
        "VQE": "It minimises the energy of a parameterised state with a classical optimiser.",
        "QAOA": "It alternates cost and mixer layers to solve optimisation problems.",
        "the Bernstein-Vazirani algorithm": "It finds a secret string with one query.",
    },
    HARDWARE: {
        "QiskitRuntimeService": "It gives access to IBM backends and their jobs.",
        "a fake backend": "It mimics the properties of a real device for local tests.",
        "T1": "It is the time in which a qubit relaxes from |1> to |0>.",
        "T2": "It is the time in which a qubit loses its phase.",
        "a backend target": "It lists the instructions of a device with their errors and"
        " durations.",
    },
    INFO: {
        "a density matrix": "It describes pure and mixed states alike.",
        "the partial trace": "It gives the state of a part by discarding the rest.",
        "state fidelity": "It measures how close two states are, from 0 to 1.",
        "entanglement entropy": "It measures how strongly two parts are entangled.",
        "a stabilizer": "It is an operator that leaves a state unchanged.",
    },
}

WIDE_FRAMES = (
    "What is {}?",
    "What does {} do?",
    "Explain {} in a sentence.",
    "When does {} matter in Qiskit?",
    "What should a beginner know about {}?",
    "Summarise {} for a colleague.",
)
WIDE_FACTS = {
    CIRCUITS: {
        "a barrier": "It keeps the compiler from moving gates across it.",
        "a ClassicalRegister": "It holds the bits into which qubits are measured.",
        "QuantumCircuit.compose": "It appends another circuit's gates on chosen qubits.",
        "a Parameter": "It stands for a gate angle that is bound to a number later.",
        "an if_test block": "It runs its gates only if a classical bit has the given value.",
        "the depth of a circuit": "It is the longest chain of gates that share qubits.",
        "Qiskit's bit order": "Qubit 0 is the rightmost bit of an outcome.",
        "the Toffoli gate": "It flips its target when both controls are |1>.",
    },
    TRANSPILATION: {
        "a pass manager": "It runs a list of compiler passes over circuits.",
        "basis translation": "It replaces gates by sequences of the gates a device has.",
        "an initial layout": "It fixes on which physical qubit each virtual qubit starts.",
        "an ISA circuit": "It holds only instructions and couplings that its device has.",
        "scheduling": "It gives every instruction a start time and fills gaps with delays.",
        "SABRE": "It finds layouts and SWAPs by a heuristic search from both ends.",
        "gate cancellation": "It removes neighbouring gates whose product is the identity.",
    },
    EXECUTION: {
        "a Batch": "It runs independent jobs together, side by side.",
        "precision in the Estimator": "It is the standard error that the values should have.",
        "a BitArray": "It holds the measured bits of every shot and gives their counts.",
        "the resilience level": "It sets how much error mitigation a job applies.",
        "the StatevectorSampler": "It samples outcomes from the exact state on this machine.",
        "an observable": "It is the operator whose expectation value is estimated.",
        "a parameter sweep": "It runs one circuit at many parameter values in one PUB.",
    },
    NOISE: {
        "measurement twirling": "It flips random qubits before readout to symmetrise its errors.",
        "gate folding": "It replaces U by U U† U, so that the noise grows and the result stays.",
        "probabilistic error cancellation": "It inverts noise by sampling signed circuits.",
        "crosstalk": "It is the error that a gate causes on neighbouring qubits.",
        "T2 echo": "It refocuses slow phase noise with an X gate halfway.",
        "a Pauli channel": "It applies each Pauli with its own probability.",
        "amplitude damping": "It lets |1> decay to |0> with a given probability.",
        "a noise model": "It tells a simulator which error follows which gate.",
    },
    ALGORITHMS: {
        "Simon's algorithm": "It finds a hidden XOR mask with about n queries.",
        "the Deutsch-Jozsa algorithm": "It tells constant from balanced with one query.",
        "Trotterisation": "It approximates evolution under a sum by short steps of each term.",
        "the swap test": "It estimates the overlap of two states from one ancilla.",
        "amplitude amplification": "It generalises Grover's search to any starting state.",
        "superdense coding": "It sends two bits with one qubit of a shared Bell pair.",
        "quantum teleportation": "It moves a state with a Bell pair and two classical bits.",
        "an ansatz": "It is the parameterised circuit that a variational method tunes.",
    },
    HARDWARE: {
        "a heavy-hex lattice": "It couples each qubit to at most three others.",
        "dt": "It is the device's time step, in which delays and pulses are counted.",
        "the ECR gate": "It is a two-qubit gate equal to CNOT up to one-qubit gates.",
        "calibration data": "It lists a device's latest measured errors and coherence times.",
        "readout error": "It is the chance that a measurement reports the wrong bit.",
        "a virtual Z gate": "It changes the phase of later pulses and takes no time.",
        "least_busy": "It picks the operational backend with the shortest queue.",
        "a GenericBackendV2": "It is a made-up device of any size for local tests.",
    },
    INFO: {
        "a Clifford": "It maps Paulis to Paulis and is cheap to simulate.",
        "concurrence": "It measures the entanglement of two qubits, from 0 to 1.",
        "the Schmidt rank": "It is 1 exactly when a pure state is a product.",
        "purity": "It is 1 for pure states and 1/d for the maximally mixed one.",
        "a Kraus operator": "It is one of the operators that make up a quantum channel.",
        "a SparsePauliOp": "It stores an operator as Pauli strings with coefficients.",
        "process fidelity": "It measures how close a channel is to the intended gate.",
        "global phase": "It changes no outcome and so cannot be observed.",
    },
}
