"""Studies: named runs as parameter changes, run and compared as DVC experiments."""
