"""The GPUs of this machine: what they can run, and locks on them."""
