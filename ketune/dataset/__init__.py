"""The dataset: where rows come from, the contract they keep, and the form later stages read."""
