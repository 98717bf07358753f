from tests.swift.conftest import full

__all__ = ["full"]
