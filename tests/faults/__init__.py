"""Faults of the log, the files and the machine, one after the other, and what Driftline made of each."""
