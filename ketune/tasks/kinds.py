"""The names of splits, of types of tasks and of their categories."""

from typing import Literal, get_args

Split = Literal["train", "validation", "test"]
SampleType = Literal["function_completion", "code_generation", "qa"]
Category = Literal[
    "circuits_and_gates",
    "quantum_info_and_operators",
    "algorithms_and_applications",
    "hardware_and_providers",
    "transpilation_and_compilation",
    "primitives_and_execution",
    "noise_and_error_mitigation",
    "uncategorized",
]
SPLITS: tuple[Split, ...] = get_args(Split)
SAMPLE_TYPES: tuple[SampleType, ...] = get_args(SampleType)
CATEGORIES: tuple[Category, ...] = get_args(Category)
