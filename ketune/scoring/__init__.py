"""From verdicts and answers to figures."""
