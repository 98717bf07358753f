"""The two tiers of families, and how often each family is drawn.

The core tier makes the stream's start, on which the tiny base model was pretrained. Its texts and
weights are pinned: a change alters every smoke-scale figure (CONTRIBUTING.md). The wide tier makes
the rest, over parameters that last for 100,000 samples; new families belong to it. A builder's
argument in its table widens the space of a core family.

Columns: name, category, weight among text samples, weight among picture samples, builder.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import gcd
from typing import Any

from ketune.synthetic.families import (
    algorithms,
    circuits,
    execution,
    gates,
    hardware,
    mitigation,
    noise,
    operators,
    optimization,
    oracles,
    questions,
    states,
    transpilation,
)
from ketune.synthetic.families.facts import (
    CORE_FACTS,
    CORE_FRAMES,
    CORE_GATE_FACTS,
    WIDE_FACTS,
    WIDE_FRAMES,
)
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
    Question,
    Task,
    Tier,
)


def _family(
    name: str,
    category: str,
    weight: float,
    illustrated: float,
    build: Callable[..., Task | Question],
    **wider: Any,
) -> Family:
    return Family(name, category, weight, illustrated, partial(build, **wider))


def _fact_families(
    weight: float, facts: Mapping[str, Mapping[str, str]], frames: Sequence[str]
) -> Iterator[Family]:
    for category, known in facts.items():
        name = f"{category.split('_')[0]}_fact"
        yield _family(name, category, weight, 0, questions.choose(known, frames))


_CORE_CODE = [
    _family("build", CIRCUITS, 20, 34, circuits.build),
    _family("measure_all", CIRCUITS, 3, 4, circuits.measure_all),
    _family("inverse", CIRCUITS, 3, 4, circuits.inverse),
    _family("twice", CIRCUITS, 2, 2, circuits.twice),
    _family("depth", CIRCUITS, 3, 4, circuits.depth),
    _family("num_gates", CIRCUITS, 3, 3, circuits.num_gates),
    _family("count_ops", CIRCUITS, 2, 2, circuits.count_ops),
    _family("to_gate", CIRCUITS, 1.5, 1, circuits.to_gate),
    _family("reverse_bits", CIRCUITS, 1.5, 1, circuits.reverse_bits),
    _family("statevector", INFO, 4, 5, states.statevector),
    _family("probabilities", INFO, 2.5, 3, states.probabilities),
    _family("unitary", INFO, 2.5, 2, states.unitary),
    _family("density", INFO, 1.5, 1, states.density),
    _family("expectation_z", INFO, 2, 2, states.expectation_z),
    _family("transpile_basis", TRANSPILATION, 3, 2, transpilation.transpile_basis),
    _family("transpile_line", TRANSPILATION, 2, 1, transpilation.transpile_line),
    _family("optimized_depth", TRANSPILATION, 2, 1, transpilation.optimized_depth),
    _family("decompose", TRANSPILATION, 1.5, 1, transpilation.decompose),
    _family("sampler_counts", EXECUTION, 3, 3, execution.sampler_counts),
    _family("estimator_z", EXECUTION, 2.5, 2, execution.estimator_z),
    _family("num_qubits", CIRCUITS, 1, 2, circuits.num_qubits),
    _family("ghz", ALGORITHMS, 3, 0, algorithms.ghz),
    _family("basis_state", INFO, 2, 0, states.basis_state),
    _family("superposition", CIRCUITS, 1.5, 0, gates.superposition),
    _family("label_state", INFO, 2, 0, states.label_state),
    _family("bernstein_vazirani", ALGORITHMS, 3, 0, oracles.bernstein_vazirani),
    _family("phase_oracle", ALGORITHMS, 2, 0, oracles.phase_oracle),
    _family("deutsch", ALGORITHMS, 2, 0, oracles.deutsch),
    _family("qft", ALGORITHMS, 1.5, 0, algorithms.qft),
    _family("bell", ALGORITHMS, 2, 0, algorithms.bell),
    _family("rotation", CIRCUITS, 2.5, 0, gates.rotation),
    _family("parametric", CIRCUITS, 2, 0, gates.parametric),
    _family("pauli_matrix", INFO, 2, 0, operators.pauli_matrix),
    _family("commute", INFO, 2, 0, operators.commute),
    _family("hamiltonian", INFO, 2.5, 0, operators.hamiltonian),
    _family("ising", ALGORITHMS, 1, 0, operators.ising),
    _family("fidelity", INFO, 2, 0, states.fidelity),
    _family("reduced", INFO, 2, 0, states.reduced),
    _family("coupling", HARDWARE, 3, 0, hardware.coupling),
    _family("distance", HARDWARE, 3, 0, hardware.distance),
    _family("backend", HARDWARE, 3, 0, hardware.backend),
    _family("fake_backend", HARDWARE, 1.5, 0, hardware.fake_backend),
    _family("noise_model", NOISE, 3, 0, noise.noise_model),
    _family("readout", NOISE, 2, 0, noise.readout),
    _family("channel", NOISE, 2, 0, noise.channel),
    _family("zne", NOISE, 2, 0, mitigation.zne),
    _family("fold", NOISE, 2, 0, mitigation.fold),
    _family("shots", EXECUTION, 2, 0, execution.shots),
    _family("trotter", ALGORITHMS, 2, 0, operators.trotter),
    _family("control", CIRCUITS, 2, 0, gates.control),
    _family("qasm_dump", CIRCUITS, 2, 0, gates.qasm_dump),
    _family("teleport", ALGORITHMS, 1, 0, algorithms.teleport),
    _family("ladder", CIRCUITS, 1.5, 0, gates.ladder),
    _family("delay", NOISE, 1.5, 0, noise.delay),
    _family("preset_pass_manager", TRANSPILATION, 3, 0, transpilation.preset_pass_manager),
    _family("most_frequent", EXECUTION, 0, 4, execution.most_frequent),
    _family("bloch_state", INFO, 0, 0.5, states.bloch_state),
]
_CORE_QUESTIONS = [
    _family("ask_depth", CIRCUITS, 3, 4, questions.ask_depth),
    _family("ask_first", CIRCUITS, 3, 4, questions.ask_first),
    _family("ask_last", CIRCUITS, 2.5, 3, questions.ask_last),
    _family("ask_gates", CIRCUITS, 1, 6, questions.ask_gates),
    _family("ask_entangling", TRANSPILATION, 3, 3, questions.ask_entangling),
    _family("ask_size", HARDWARE, 3, 4, questions.ask_size),
    _family("ask_histogram", EXECUTION, 0, 8, execution.ask_histogram),
    _family("ask_bloch", INFO, 0, 5, questions.ask_bloch),
    _family("gate_fact", CIRCUITS, 2, 0, questions.choose(CORE_GATE_FACTS, CORE_FRAMES)),
    *_fact_families(3, CORE_FACTS, CORE_FRAMES),
]
CORE = Tier(_CORE_CODE, _CORE_QUESTIONS)


_SHARES = [n / 200 for n in range(1, 60)]
_TENTHS = [n / 10 for n in range(1, 30)]
_ANGLES = [f"{k} * pi / {d}" for d in (5, 6, 7, 9, 16) for k in range(1, d) if gcd(k, d) == 1]

_WIDE_CODE = [
    _family("build", CIRCUITS, 6, 11, circuits.build, size=LARGE),
    _family("measure_all", CIRCUITS, 1, 2, circuits.measure_all, size=LARGE),
    _family("inverse", CIRCUITS, 1.5, 2, circuits.inverse, size=LARGE),
    _family("depth", CIRCUITS, 1.5, 2, circuits.depth, size=LARGE),
    _family("num_gates", CIRCUITS, 1, 2, circuits.num_gates, size=LARGE),
    _family("count_ops", CIRCUITS, 1, 1.5, circuits.count_ops, size=LARGE),
    _family("to_gate", CIRCUITS, 1, 1, circuits.to_gate, size=LARGE),
    _family("reverse_bits", CIRCUITS, 1, 1, circuits.reverse_bits, size=LARGE),
    _family("tensor", CIRCUITS, 1, 1, circuits.tensor),
    _family("controlled", CIRCUITS, 1, 1, circuits.controlled),
    _family("dump", CIRCUITS, 1, 2, circuits.dump, size=LARGE),
    _family("non_local", CIRCUITS, 0.7, 1, circuits.non_local, size=LARGE),
    _family("power", CIRCUITS, 1.5, 1.5, circuits.power),
    _family("permute", CIRCUITS, 1.5, 1.5, circuits.permute),
    _family("extend", CIRCUITS, 1.5, 1.5, circuits.extend),
    _family("feed_forward", CIRCUITS, 1.5, 0, gates.feed_forward),
    _family("rotation_layer", CIRCUITS, 1.5, 0, gates.rotation_layer),
    _family("rotation", CIRCUITS, 1.5, 0, gates.rotation, n=5, angles=_ANGLES),
    _family("statevector", INFO, 2.5, 3, states.statevector, size=LARGE),
    _family("probabilities", INFO, 1.5, 2, states.probabilities, size=LARGE),
    _family("unitary", INFO, 1.5, 1.5, states.unitary, size=LARGE),
    _family("density", INFO, 1, 1, states.density, size=LARGE),
    _family("expectation_z", INFO, 1, 1.5, states.expectation_z, size=LARGE),
    _family("entropy", INFO, 2, 2.5, states.entropy, size=LARGE),
    _family("purity", INFO, 1.5, 2, states.purity, size=LARGE),
    _family("schmidt_rank", INFO, 1.5, 1.5, states.schmidt_rank, size=LARGE),
    _family("bloch_vector", INFO, 1.5, 2, states.bloch_vector, size=LARGE),
    _family("outcome_in_basis", INFO, 1.5, 1.5, states.outcome_in_basis),
    _family("basis_state", INFO, 1, 0, states.basis_state, max_bits=9),
    _family("label_state", INFO, 1, 0, states.label_state),
    _family("pauli_matrix", INFO, 0.7, 0, operators.pauli_matrix),
    _family("commute", INFO, 1, 0, operators.commute),
    _family("hamiltonian", INFO, 1.5, 0, operators.hamiltonian),
    _family("fidelity", INFO, 1, 0, states.fidelity),
    _family("reduced", INFO, 1, 0, states.reduced),
    _family("bell", ALGORITHMS, 1.5, 0, algorithms.bell, qubits=9),
    _family("ghz", ALGORITHMS, 1.5, 0, algorithms.ghz_on),
    _family("w_state", ALGORITHMS, 1.5, 0, algorithms.w_state),
    _family("sparse_state", ALGORITHMS, 1.5, 0, algorithms.sparse_state),
    _family("bernstein_vazirani", ALGORITHMS, 1.5, 0, oracles.bernstein_vazirani, max_bits=9),
    _family("affine_oracle", ALGORITHMS, 0.7, 0, oracles.affine_oracle),
    _family("mark_states", ALGORITHMS, 2, 0, oracles.mark_states),
    _family("grover", ALGORITHMS, 0.7, 0, oracles.grover),
    _family("simon", ALGORITHMS, 0.3, 0, oracles.simon),
    _family("qft", ALGORITHMS, 0.5, 0, algorithms.qft_on),
    _family("phase_estimation", ALGORITHMS, 0.6, 0, algorithms.phase_estimation),
    _family("add_constant", ALGORITHMS, 0.3, 0, algorithms.add_constant),
    _family("trotter", ALGORITHMS, 1, 0, operators.trotter, max_qubits=3, times=_TENTHS),
    _family("trotter_terms", ALGORITHMS, 2, 0, operators.trotter_terms),
    _family("swap_test", ALGORITHMS, 1, 0, algorithms.swap_test),
    _family("superdense", ALGORITHMS, 0.7, 0, algorithms.superdense),
    _family("maxcut_operator", ALGORITHMS, 1.5, 4, optimization.maxcut_operator),
    _family("qaoa", ALGORITHMS, 2, 4, optimization.qaoa),
    _family("graph_state", ALGORITHMS, 1.5, 4, optimization.graph_state),
    _family("weighted_ising", ALGORITHMS, 1.5, 0, operators.weighted_ising),
    _family("ansatz_energy", ALGORITHMS, 1.5, 0, operators.ansatz_energy),
    _family("coupling", HARDWARE, 0.7, 0, hardware.coupling, max_qubits=40),
    _family("distance", HARDWARE, 1, 0, hardware.distance, max_qubits=25),
    _family("backend", HARDWARE, 0.7, 0, hardware.backend, max_qubits=40),
    _family("coupling_graph", HARDWARE, 2, 4, hardware.coupling_graph),
    _family("device_distance", HARDWARE, 2, 3, hardware.device_distance),
    _family("device_neighbours", HARDWARE, 2, 3, hardware.device_neighbours),
    _family("busiest_qubit", HARDWARE, 1.5, 2, hardware.busiest_qubit),
    _family("backend_couplings", HARDWARE, 1, 0, hardware.backend_couplings),
    _family("grid_distance", HARDWARE, 1.5, 0, hardware.grid_distance),
    _family("gate_target", HARDWARE, 2, 0, hardware.gate_target),
    _family("transpile_basis", TRANSPILATION, 3, 2.5, transpilation.transpile_basis, size=LARGE),
    _family("transpile_line", TRANSPILATION, 2, 2, transpilation.transpile_line, size=LARGE),
    _family("optimized_depth", TRANSPILATION, 2, 2, transpilation.optimized_depth, size=LARGE),
    _family("decompose", TRANSPILATION, 1, 1.5, transpilation.decompose, size=LARGE),
    _family("transpile_device", TRANSPILATION, 2.5, 3, transpilation.transpile_device),
    _family("sampler_counts", EXECUTION, 2, 2, execution.sampler_counts, size=LARGE),
    _family("estimator_z", EXECUTION, 1.5, 1, execution.estimator_z, size=LARGE),
    _family("estimate_pauli", EXECUTION, 2.5, 3, execution.estimate_pauli),
    _family("sample_one_qubit", EXECUTION, 2, 2, execution.sample_one_qubit),
    _family("sweep", EXECUTION, 2, 0, execution.sweep),
    _family("parity", EXECUTION, 1.5, 2, execution.parity),
    _family("marginal", EXECUTION, 1.5, 2, execution.marginal),
    _family("shots", EXECUTION, 1, 0, execution.shots, numbers=range(100, 9000, 50)),
    _family("most_frequent", EXECUTION, 0, 1, execution.most_frequent, wide=True),
    _family("noise_model", NOISE, 1, 0, noise.noise_model, probabilities=_SHARES),
    _family("readout", NOISE, 1, 0, noise.readout, false_ones=_SHARES, false_zeros=_SHARES),
    _family("channel", NOISE, 0.7, 0, noise.channel, parameters=_SHARES),
    _family("delay", NOISE, 1, 0, noise.delay, max_qubits=6, times=range(40, 2000, 20)),
    _family("fold_circuit", NOISE, 2, 3, mitigation.fold_circuit),
    _family("extrapolate", NOISE, 1.5, 2.5, mitigation.extrapolate),
    _family("richardson", NOISE, 1.5, 2, mitigation.richardson),
    _family("twirl", NOISE, 1.5, 0, mitigation.twirl),
    _family("decouple", NOISE, 1.5, 0, mitigation.decouple),
    _family("correct_readout", NOISE, 1.5, 0, mitigation.correct_readout),
    _family("depolarized_purity", NOISE, 1.5, 1.5, noise.depolarized_purity),
    _family("depolarized_fidelity", NOISE, 1.5, 1.5, noise.depolarized_fidelity),
    _family("noisy_z", NOISE, 1.5, 1.5, noise.noisy_z),
    _family("relaxation", NOISE, 1.5, 0, noise.relaxation),
    _family("pauli_channel", NOISE, 1.5, 0, noise.pauli_channel),
]
_WIDE_QUESTIONS = [
    _family("ask_depth", CIRCUITS, 2, 2.5, questions.ask_depth, size=LARGE),
    _family("ask_first", CIRCUITS, 1, 2, questions.ask_first, size=LARGE),
    _family("ask_last", CIRCUITS, 1, 2, questions.ask_last, size=LARGE),
    _family("ask_gates", CIRCUITS, 1, 5, questions.ask_gates, size=LARGE),
    _family("ask_wire", CIRCUITS, 1.5, 2, questions.ask_wire),
    _family("ask_entangling", TRANSPILATION, 2, 2, questions.ask_entangling, size=LARGE),
    _family("ask_swaps", TRANSPILATION, 2, 4, hardware.ask_swaps),
    _family("ask_size", HARDWARE, 1, 1.5, questions.ask_size, size=LARGE),
    _family("ask_neighbours", HARDWARE, 1.5, 2, hardware.ask_neighbours),
    _family("ask_couplings", HARDWARE, 1.5, 2, hardware.ask_couplings),
    _family("ask_counts", EXECUTION, 3, 6, execution.ask_counts),
    _family("ask_bloch", INFO, 0, 4, questions.ask_bloch, sizes=(1, 2, 3)),
    _family("ask_commute", INFO, 2.5, 0, operators.ask_commute),
    _family("ask_probability", INFO, 2.5, 0, states.ask_probability),
    _family("ask_oracle", ALGORITHMS, 2, 4, oracles.ask_oracle),
    _family("ask_cut", ALGORITHMS, 1.5, 3, optimization.ask_cut),
    _family("ask_grover", ALGORITHMS, 0.7, 0, oracles.ask_grover),
    _family("ask_phase", ALGORITHMS, 0.5, 0, algorithms.ask_phase),
    _family("ask_extrapolation", NOISE, 1.5, 3, mitigation.ask_extrapolation),
    _family("ask_readout", NOISE, 1.5, 3, mitigation.ask_readout),
    _family("ask_relaxation", NOISE, 1.5, 0, noise.ask_relaxation),
    _family("ask_error_budget", NOISE, 1, 0, noise.ask_error_budget),
    *_fact_families(0.3, WIDE_FACTS, WIDE_FRAMES),
]
WIDE = Tier(_WIDE_CODE, _WIDE_QUESTIONS)

FAMILIES = {family.name: family for tier in (CORE, WIDE) for family in tier.families}
