"""The papers' experiments, one readable file each: `python -m experiments.NAME`."""
