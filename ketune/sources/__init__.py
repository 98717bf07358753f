"""Where rows come from, and data/raw, into which they go."""
