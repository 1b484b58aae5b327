"""Lays the rows beside the papers: `python -m experiments.report`."""
