"""Starting ms-swift: command lines, processes, failures, checkpoints."""
