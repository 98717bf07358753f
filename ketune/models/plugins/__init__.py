"""Plugins of ms-swift, by base model."""
