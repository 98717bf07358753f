"""The tools of the command `ketune`."""
