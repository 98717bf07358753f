"""The tiny base VLM of the smoke profile: tokenizer, architecture, pretraining, template."""
