"""What `swift sft` is told, and what it did."""
