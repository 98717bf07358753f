"""Asking a model: prompts and answers, and the backends side by side."""
