"""Measures models on small devices: `python -m experiments.edge`."""
