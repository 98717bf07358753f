"""The adapter: what training publishes and merging takes."""
