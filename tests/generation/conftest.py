from tests.training.conftest import full

__all__ = ["full"]
