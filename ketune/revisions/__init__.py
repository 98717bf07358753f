"""Results of other commits, experiments and files, read without checking anything out."""
