"""Plugins of ms-swift, in its training process."""
