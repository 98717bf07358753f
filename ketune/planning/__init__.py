"""What a run needs and costs, and whether this machine has it: before anything is downloaded."""
