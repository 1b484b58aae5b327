"""Measures training steps: `python -m experiments.speed`."""
