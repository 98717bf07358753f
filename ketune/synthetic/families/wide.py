"""The wide tier: the same subjects and more, over parameters that last for 100,000 samples.

A builder with a bound argument here is a core builder over a wider space. New families go here.
Columns: name, category, weight among text samples, weight among picture samples, builder.
"""

from functools import partial
from math import gcd

from ketune.synthetic.families import (
    algorithms,
    circuits,
    decoherence,
    devices,
    entanglement,
    execution,
    gates,
    hardware,
    mitigation,
    noise,
    operators,
    optimization,
    oracles,
    questions,
    sampling,
    states,
    structure,
    subroutines,
    transpilation,
)
from ketune.synthetic.families.more_facts import MORE_FACTS, MORE_FRAMES
from ketune.synthetic.families.subjects import LARGE
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

_SHARES = [n / 200 for n in range(1, 60)]
_TENTHS = [n / 10 for n in range(1, 30)]
_ANGLES = [f"{k} * pi / {d}" for d in (5, 6, 7, 9, 16) for k in range(1, d) if gcd(k, d) == 1]

_CODE = [
    Family("build", CIRCUITS, 6, 11, partial(circuits.build, size=LARGE)),
    Family("measure_all", CIRCUITS, 1, 2, partial(circuits.measure_all, size=LARGE)),
    Family("inverse", CIRCUITS, 1.5, 2, partial(circuits.inverse, size=LARGE)),
    Family("depth", CIRCUITS, 1.5, 2, partial(circuits.depth, size=LARGE)),
    Family("num_gates", CIRCUITS, 1, 2, partial(circuits.num_gates, size=LARGE)),
    Family("count_ops", CIRCUITS, 1, 1.5, partial(circuits.count_ops, size=LARGE)),
    Family("to_gate", CIRCUITS, 1, 1, partial(circuits.to_gate, size=LARGE)),
    Family("reverse_bits", CIRCUITS, 1, 1, partial(circuits.reverse_bits, size=LARGE)),
    Family("tensor", CIRCUITS, 1, 1, structure.tensor),
    Family("controlled", CIRCUITS, 1, 1, structure.controlled),
    Family("dump", CIRCUITS, 1, 2, partial(structure.dump, size=LARGE)),
    Family("non_local", CIRCUITS, 0.7, 1, partial(structure.non_local, size=LARGE)),
    Family("power", CIRCUITS, 1.5, 1.5, structure.power),
    Family("permute", CIRCUITS, 1.5, 1.5, structure.permute),
    Family("extend", CIRCUITS, 1.5, 1.5, structure.extend),
    Family("feed_forward", CIRCUITS, 1.5, 0, structure.feed_forward),
    Family("rotation_layer", CIRCUITS, 1.5, 0, structure.rotation_layer),
    Family("rotation", CIRCUITS, 1.5, 0, partial(gates.rotation, n=5, angles=_ANGLES)),
    Family("statevector", INFO, 2.5, 3, partial(states.statevector, size=LARGE)),
    Family("probabilities", INFO, 1.5, 2, partial(states.probabilities, size=LARGE)),
    Family("unitary", INFO, 1.5, 1.5, partial(states.unitary, size=LARGE)),
    Family("density", INFO, 1, 1, partial(states.density, size=LARGE)),
    Family("expectation_z", INFO, 1, 1.5, partial(states.expectation_z, size=LARGE)),
    Family("entropy", INFO, 2, 2.5, partial(entanglement.entropy, size=LARGE)),
    Family("purity", INFO, 1.5, 2, partial(entanglement.purity, size=LARGE)),
    Family("schmidt_rank", INFO, 1.5, 1.5, partial(entanglement.schmidt_rank, size=LARGE)),
    Family("bloch_vector", INFO, 1.5, 2, partial(entanglement.bloch_vector, size=LARGE)),
    Family("outcome_in_basis", INFO, 1.5, 1.5, entanglement.outcome_in_basis),
    Family("basis_state", INFO, 1, 0, partial(states.basis_state, max_bits=9)),
    Family("label_state", INFO, 1, 0, states.label_state),
    Family("pauli_matrix", INFO, 0.7, 0, operators.pauli_matrix),
    Family("commute", INFO, 1, 0, operators.commute),
    Family("hamiltonian", INFO, 1.5, 0, operators.hamiltonian),
    Family("fidelity", INFO, 1, 0, states.fidelity),
    Family("reduced", INFO, 1, 0, states.reduced),
    Family("bell", ALGORITHMS, 1.5, 0, partial(algorithms.bell, qubits=9)),
    Family("ghz", ALGORITHMS, 1.5, 0, subroutines.ghz_on),
    Family("w_state", ALGORITHMS, 1.5, 0, subroutines.w_state),
    Family("sparse_state", ALGORITHMS, 1.5, 0, subroutines.sparse_state),
    Family(
        "bernstein_vazirani", ALGORITHMS, 1.5, 0, partial(algorithms.bernstein_vazirani, max_bits=9)
    ),
    Family("affine_oracle", ALGORITHMS, 0.7, 0, oracles.affine_oracle),
    Family("mark_states", ALGORITHMS, 2, 0, oracles.mark_states),
    Family("grover", ALGORITHMS, 0.7, 0, oracles.grover),
    Family("simon", ALGORITHMS, 0.3, 0, oracles.simon),
    Family("qft", ALGORITHMS, 0.5, 0, subroutines.qft_on),
    Family("phase_estimation", ALGORITHMS, 0.6, 0, subroutines.phase_estimation),
    Family("add_constant", ALGORITHMS, 0.3, 0, subroutines.add_constant),
    Family("trotter", ALGORITHMS, 1, 0, partial(algorithms.trotter, max_qubits=3, times=_TENTHS)),
    Family("trotter_terms", ALGORITHMS, 2, 0, subroutines.trotter_terms),
    Family("swap_test", ALGORITHMS, 1, 0, subroutines.swap_test),
    Family("superdense", ALGORITHMS, 0.7, 0, subroutines.superdense),
    Family("maxcut_operator", ALGORITHMS, 1.5, 4, optimization.maxcut_operator),
    Family("qaoa", ALGORITHMS, 2, 4, optimization.qaoa),
    Family("graph_state", ALGORITHMS, 1.5, 4, optimization.graph_state),
    Family("weighted_ising", ALGORITHMS, 1.5, 0, optimization.weighted_ising),
    Family("ansatz_energy", ALGORITHMS, 1.5, 0, optimization.ansatz_energy),
    Family("coupling", HARDWARE, 0.7, 0, partial(hardware.coupling, max_qubits=40)),
    Family("distance", HARDWARE, 1, 0, partial(hardware.distance, max_qubits=25)),
    Family("backend", HARDWARE, 0.7, 0, partial(hardware.backend, max_qubits=40)),
    Family("coupling_graph", HARDWARE, 2, 4, devices.coupling_graph),
    Family("device_distance", HARDWARE, 2, 3, devices.device_distance),
    Family("device_neighbours", HARDWARE, 2, 3, devices.device_neighbours),
    Family("busiest_qubit", HARDWARE, 1.5, 2, devices.busiest_qubit),
    Family("backend_couplings", HARDWARE, 1, 0, devices.backend_couplings),
    Family("grid_distance", HARDWARE, 1.5, 0, devices.grid_distance),
    Family("gate_target", HARDWARE, 2, 0, devices.gate_target),
    Family(
        "transpile_basis", TRANSPILATION, 3, 2.5, partial(transpilation.transpile_basis, size=LARGE)
    ),
    Family(
        "transpile_line", TRANSPILATION, 2, 2, partial(transpilation.transpile_line, size=LARGE)
    ),
    Family(
        "optimized_depth", TRANSPILATION, 2, 2, partial(transpilation.optimized_depth, size=LARGE)
    ),
    Family("decompose", TRANSPILATION, 1, 1.5, partial(transpilation.decompose, size=LARGE)),
    Family("transpile_device", TRANSPILATION, 2.5, 3, devices.transpile_device),
    Family("sampler_counts", EXECUTION, 2, 2, partial(execution.sampler_counts, size=LARGE)),
    Family("estimator_z", EXECUTION, 1.5, 1, partial(execution.estimator_z, size=LARGE)),
    Family("estimate_pauli", EXECUTION, 2.5, 3, sampling.estimate_pauli),
    Family("sample_one_qubit", EXECUTION, 2, 2, sampling.sample_one_qubit),
    Family("sweep", EXECUTION, 2, 0, sampling.sweep),
    Family("parity", EXECUTION, 1.5, 2, sampling.parity),
    Family("marginal", EXECUTION, 1.5, 2, sampling.marginal),
    Family("shots", EXECUTION, 1, 0, partial(execution.shots, numbers=range(100, 9000, 50))),
    Family("most_frequent", EXECUTION, 0, 1, partial(execution.most_frequent, wide=True)),
    Family("noise_model", NOISE, 1, 0, partial(noise.noise_model, probabilities=_SHARES)),
    Family("readout", NOISE, 1, 0, partial(noise.readout, false_ones=_SHARES, false_zeros=_SHARES)),
    Family("channel", NOISE, 0.7, 0, partial(noise.channel, parameters=_SHARES)),
    Family("delay", NOISE, 1, 0, partial(noise.delay, max_qubits=6, times=range(40, 2000, 20))),
    Family("fold_circuit", NOISE, 2, 3, mitigation.fold_circuit),
    Family("extrapolate", NOISE, 1.5, 2.5, mitigation.extrapolate),
    Family("richardson", NOISE, 1.5, 2, mitigation.richardson),
    Family("twirl", NOISE, 1.5, 0, mitigation.twirl),
    Family("decouple", NOISE, 1.5, 0, mitigation.decouple),
    Family("correct_readout", NOISE, 1.5, 0, mitigation.correct_readout),
    Family("depolarized_purity", NOISE, 1.5, 1.5, decoherence.depolarized_purity),
    Family("depolarized_fidelity", NOISE, 1.5, 1.5, decoherence.depolarized_fidelity),
    Family("noisy_z", NOISE, 1.5, 1.5, decoherence.noisy_z),
    Family("relaxation", NOISE, 1.5, 0, decoherence.relaxation),
    Family("pauli_channel", NOISE, 1.5, 0, decoherence.pauli_channel),
]
_QUESTIONS = [
    Family("ask_depth", CIRCUITS, 2, 2.5, partial(questions.depth_of, size=LARGE)),
    Family("ask_first", CIRCUITS, 1, 2, partial(questions.first_gate, size=LARGE)),
    Family("ask_last", CIRCUITS, 1, 2, partial(questions.last_gate, size=LARGE)),
    Family("ask_gates", CIRCUITS, 1, 5, partial(questions.all_gates, size=LARGE)),
    Family("ask_wire", CIRCUITS, 1.5, 2, questions.gates_on_wire),
    Family("ask_entangling", TRANSPILATION, 2, 2, partial(questions.entangling_gates, size=LARGE)),
    Family("ask_swaps", TRANSPILATION, 2, 4, devices.ask_swaps),
    Family("ask_size", HARDWARE, 1, 1.5, partial(questions.size_of, size=LARGE)),
    Family("ask_neighbours", HARDWARE, 1.5, 2, devices.ask_neighbours),
    Family("ask_couplings", HARDWARE, 1.5, 2, devices.ask_couplings),
    Family("ask_counts", EXECUTION, 3, 6, sampling.ask_counts),
    Family("ask_bloch", INFO, 0, 4, partial(questions.bloch, sizes=(1, 2, 3))),
    Family("ask_commute", INFO, 2.5, 0, questions.ask_commute),
    Family("ask_probability", INFO, 2.5, 0, questions.ask_probability),
    Family("ask_oracle", ALGORITHMS, 2, 4, oracles.ask_oracle),
    Family("ask_cut", ALGORITHMS, 1.5, 3, optimization.ask_cut),
    Family("ask_grover", ALGORITHMS, 0.7, 0, subroutines.ask_grover),
    Family("ask_phase", ALGORITHMS, 0.5, 0, subroutines.ask_phase),
    Family("ask_extrapolation", NOISE, 1.5, 3, mitigation.ask_extrapolation),
    Family("ask_readout", NOISE, 1.5, 3, mitigation.ask_readout),
    Family("ask_relaxation", NOISE, 1.5, 0, decoherence.ask_relaxation),
    Family("ask_error_budget", NOISE, 1, 0, decoherence.ask_error_budget),
    *(
        Family(
            f"{category.split('_')[0]}_fact", category, 0.3, 0, questions.choose(facts, MORE_FRAMES)
        )
        for category, facts in MORE_FACTS.items()
    ),
]
WIDE = Tier(_CODE, _QUESTIONS)
