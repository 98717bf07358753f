"""The records that cross stages: rows, tasks, completions, outcomes."""
