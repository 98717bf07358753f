"""Ketune: what the stages of the graph share, and the tools beside it."""
