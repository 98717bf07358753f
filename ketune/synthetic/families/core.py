"""The core tier: the families of the stream's start, on which the tiny base model was pretrained.

Their texts and weights are pinned: a change alters every smoke-scale figure (CONTRIBUTING.md). New
families belong to the wide tier.

Columns: name, category, weight among text samples, weight among picture samples, builder.
"""

from ketune.synthetic.families import (
    algorithms,
    circuits,
    execution,
    gates,
    hardware,
    noise,
    operators,
    questions,
    states,
    transpilation,
)
from ketune.synthetic.families.facts import FACTS, GATE_FACTS
from ketune.synthetic.sample import (
    ALGORITHMS,
    CIRCUITS,
    EXECUTION,
    HARDWARE,
    INFO,
    NOISE,
    TRANSPILATION,
    Family,
    Tier,
)

CODE = [
    Family("build", CIRCUITS, 20, 34, circuits.build),
    Family("measure_all", CIRCUITS, 3, 4, circuits.measure_all),
    Family("inverse", CIRCUITS, 3, 4, circuits.inverse),
    Family("twice", CIRCUITS, 2, 2, circuits.twice),
    Family("depth", CIRCUITS, 3, 4, circuits.depth),
    Family("num_gates", CIRCUITS, 3, 3, circuits.num_gates),
    Family("count_ops", CIRCUITS, 2, 2, circuits.count_ops),
    Family("to_gate", CIRCUITS, 1.5, 1, circuits.to_gate),
    Family("reverse_bits", CIRCUITS, 1.5, 1, circuits.reverse_bits),
    Family("statevector", INFO, 4, 5, states.statevector),
    Family("probabilities", INFO, 2.5, 3, states.probabilities),
    Family("unitary", INFO, 2.5, 2, states.unitary),
    Family("density", INFO, 1.5, 1, states.density),
    Family("expectation_z", INFO, 2, 2, states.expectation_z),
    Family("transpile_basis", TRANSPILATION, 3, 2, transpilation.transpile_basis),
    Family("transpile_line", TRANSPILATION, 2, 1, transpilation.transpile_line),
    Family("optimized_depth", TRANSPILATION, 2, 1, transpilation.optimized_depth),
    Family("decompose", TRANSPILATION, 1.5, 1, transpilation.decompose),
    Family("sampler_counts", EXECUTION, 3, 3, execution.sampler_counts),
    Family("estimator_z", EXECUTION, 2.5, 2, execution.estimator_z),
    Family("num_qubits", CIRCUITS, 1, 2, circuits.num_qubits),
    Family("ghz", ALGORITHMS, 3, 0, algorithms.ghz),
    Family("basis_state", INFO, 2, 0, states.basis_state),
    Family("superposition", CIRCUITS, 1.5, 0, gates.superposition),
    Family("label_state", INFO, 2, 0, states.label_state),
    Family("bernstein_vazirani", ALGORITHMS, 3, 0, algorithms.bernstein_vazirani),
    Family("phase_oracle", ALGORITHMS, 2, 0, algorithms.phase_oracle),
    Family("deutsch", ALGORITHMS, 2, 0, algorithms.deutsch),
    Family("qft", ALGORITHMS, 1.5, 0, algorithms.qft),
    Family("bell", ALGORITHMS, 2, 0, algorithms.bell),
    Family("rotation", CIRCUITS, 2.5, 0, gates.rotation),
    Family("parametric", CIRCUITS, 2, 0, gates.parametric),
    Family("pauli_matrix", INFO, 2, 0, operators.pauli_matrix),
    Family("commute", INFO, 2, 0, operators.commute),
    Family("hamiltonian", INFO, 2.5, 0, operators.hamiltonian),
    Family("ising", ALGORITHMS, 1, 0, algorithms.ising),
    Family("fidelity", INFO, 2, 0, states.fidelity),
    Family("reduced", INFO, 2, 0, states.reduced),
    Family("coupling", HARDWARE, 3, 0, hardware.coupling),
    Family("distance", HARDWARE, 3, 0, hardware.distance),
    Family("backend", HARDWARE, 3, 0, hardware.backend),
    Family("fake_backend", HARDWARE, 1.5, 0, hardware.fake_backend),
    Family("noise_model", NOISE, 3, 0, noise.noise_model),
    Family("readout", NOISE, 2, 0, noise.readout),
    Family("channel", NOISE, 2, 0, noise.channel),
    Family("zne", NOISE, 2, 0, noise.zne),
    Family("fold", NOISE, 2, 0, noise.fold),
    Family("shots", EXECUTION, 2, 0, execution.shots),
    Family("trotter", ALGORITHMS, 2, 0, algorithms.trotter),
    Family("control", CIRCUITS, 2, 0, gates.control),
    Family("qasm_dump", CIRCUITS, 2, 0, gates.qasm_dump),
    Family("teleport", ALGORITHMS, 1, 0, algorithms.teleport),
    Family("ladder", CIRCUITS, 1.5, 0, gates.ladder),
    Family("delay", NOISE, 1.5, 0, noise.delay),
    Family("preset_pass_manager", TRANSPILATION, 3, 0, transpilation.preset_pass_manager),
    Family("most_frequent", EXECUTION, 0, 4, execution.most_frequent),
    Family("bloch_state", INFO, 0, 0.5, states.bloch_state),
]
QUESTIONS = [
    Family("ask_depth", CIRCUITS, 3, 4, questions.depth_of),
    Family("ask_first", CIRCUITS, 3, 4, questions.first_gate),
    Family("ask_last", CIRCUITS, 2.5, 3, questions.last_gate),
    Family("ask_gates", CIRCUITS, 1, 6, questions.all_gates),
    Family("ask_entangling", TRANSPILATION, 3, 3, questions.entangling_gates),
    Family("ask_size", HARDWARE, 3, 4, questions.size_of),
    Family("ask_histogram", EXECUTION, 0, 8, questions.histogram),
    Family("ask_bloch", INFO, 0, 5, questions.bloch),
    Family("gate_fact", CIRCUITS, 2, 0, questions.choose(GATE_FACTS)),
    *(
        Family(f"{category.split('_')[0]}_fact", category, 3, 0, questions.choose(facts))
        for category, facts in FACTS.items()
    ),
]
CORE = Tier(CODE, QUESTIONS)
