"""The merge of an adapter into its base, and its proof."""
