"""Base models: where they lie, what ms-swift must be told of them, how they are loaded."""
