from tests.crash.conftest import whole, zygote

__all__ = ["whole", "zygote"]
