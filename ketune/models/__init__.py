"""Base models: find them, settle what ms-swift must be told of them, load them."""
