"""`python -m ketune`: the command, from this directory's code."""

from ketune.cli import main

main()
