"""Asking a model: prompts and answers, and the engine of each backend."""

from ketune.generation.concurrent import answer_concurrently
from ketune.generation.prompts import Answer, Engine, Prompt, Record, batches, prompts_of, seed_of

__all__ = [
    "Answer",
    "Engine",
    "Prompt",
    "Record",
    "answer_concurrently",
    "batches",
    "prompts_of",
    "seed_of",
]
