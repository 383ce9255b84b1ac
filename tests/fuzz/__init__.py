"""Mutates the golden logs and reads what comes of it: `python -m tests.fuzz`, `make fuzz`."""
