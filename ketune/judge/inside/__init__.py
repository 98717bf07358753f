"""Runs inside the sandbox. Imports nothing from outside this package."""
