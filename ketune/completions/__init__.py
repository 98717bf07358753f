"""From the text of an answer to the program that the judge runs."""
