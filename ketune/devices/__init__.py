"""The GPUs of this machine: whether they serve, and who holds them."""
