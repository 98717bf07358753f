"""Ketune's stages, in graph order: ingest, prepare, train, merge, generate, evaluate, report."""
