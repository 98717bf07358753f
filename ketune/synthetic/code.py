"""Generated code as text: blocks written in place, and the imports that their names ask for."""

from collections.abc import Iterable
from symtable import SymbolTable, symtable

# Every name that a task may import; np is numpy itself.
_NAMES = {
    "math": "acos pi",
    "numpy": "ndarray np",
    "qiskit": "ClassicalRegister QuantumCircuit qasm2",
    "qiskit.circuit": "Gate Parameter",
    "qiskit.circuit.library": "HGate PauliEvolutionGate QFTGate SGate SXGate StatePreparation XGate"
    " YGate ZGate",
    "qiskit.primitives": "StatevectorEstimator StatevectorSampler",
    "qiskit.providers.fake_provider": "GenericBackendV2",
    "qiskit.quantum_info": "DensityMatrix Operator Pauli SparsePauliOp Statevector entropy"
    " partial_trace schmidt_decomposition state_fidelity",
    "qiskit.result": "marginal_counts",
    "qiskit.synthesis": "LieTrotter",
    "qiskit.transpiler": "CouplingMap InstructionProperties StagedPassManager Target"
    " generate_preset_pass_manager",
    "qiskit_aer": "AerSimulator",
    "qiskit_aer.noise": "NoiseModel QuantumError ReadoutError amplitude_damping_error"
    " depolarizing_error pauli_error phase_damping_error thermal_relaxation_error",
    "qiskit_ibm_runtime.fake_provider": "FakeBelemV2 FakeGuadalupeV2 FakeJakartaV2 FakeLagosV2"
    " FakeLimaV2 FakeManilaV2 FakeNairobiV2 FakeQuitoV2",
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names.split()}


def block(text: str) -> list[str]:
    """The lines of a triple-quoted string, without its margin and without empty lines.

    The margin is the first line's. What an f-string puts into a line may be several lines (without
    a margin of their own) or none.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    margin = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    return [line.removeprefix(margin) for line in lines]


def indented(lines: Iterable[str]) -> str:
    """The lines as the body of a function."""
    return "".join(f"    {line}\n" for line in lines)


def imports(code: str) -> str:
    """Lines that import what `code` uses and does not bind itself, and two empty lines."""
    modules: dict[str, list[str]] = {}
    for name in sorted(_free_names(symtable(code, "task", "exec")) & _MODULES.keys()):
        modules.setdefault(_MODULES[name], []).append(name)
    lines = [
        "import numpy as np\n" if names == ["np"] else f"from {module} import {', '.join(names)}\n"
        for module, names in sorted(modules.items())
    ]
    return "".join(lines) + ("\n\n" if lines else "")


def _free_names(scope: SymbolTable) -> set[str]:
    names = {s.get_name() for s in scope.get_symbols() if s.is_global() and s.is_referenced()}
    return names.union(*map(_free_names, scope.get_children()))
