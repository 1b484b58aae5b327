"""Runs a grid of configurations: `python -m experiments.grid`."""
