"""What can be scored here: reference solutions through the judge."""
