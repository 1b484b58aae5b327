"""Feeds trained models step by step: `python -m experiments.stream`."""
