"""ms-swift: its arguments, its processes, what they leave behind, and its inference engine."""
