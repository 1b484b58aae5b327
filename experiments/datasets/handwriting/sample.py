"""Synthetic pen strokes: ten characters in the hands of 20 invented writers.

A character is a few polylines. A writer has a slant, proportions, a speed and corners
that are more or less round, and every drawing trembles in its own way.
"""

import numpy as np

from experiments.datasets.handwriting.ink import Ink, resample
from experiments.datasets.handwriting.words import BOX, Drawing, Hand

WRITERS = 20
SEED = 42

# Points on a grid of 3 columns and 5 rows, strokes with a bar between them.
_SHAPES = {
    "o": "10 00 04 14 24 20 10",
    "i": "12 14 | 10",
    "l": "00 04 24",
    "t": "10 14 | 02 22",
    "v": "00 14 20",
    "z": "00 20 04 24",
    "x": "00 24 | 20 04",
    "n": "04 00 24 20",
    "s": "20 00 02 22 24 04",
    "h": "00 04 | 02 22 24",
}
LABELS = tuple(_SHAPES)


def generate() -> dict[int, list[Hand]]:
    """The one hand of each writer, by the writer's number from 1; always the same."""
    # The old generator, whose numbers never change.
    rng = np.random.RandomState(SEED)
    return {writer: [_hand(rng)] for writer in range(1, WRITERS + 1)}


def _hand(rng: np.random.RandomState) -> Hand:
    slant, width = rng.uniform(-0.3, 0.3), rng.uniform(0.7, 1.1)
    form = np.array([[width, 0], [slant, 1]]) * BOX / 5
    speed = rng.uniform(0.1, 0.4)  # of the box's units in a millisecond
    rounding = rng.randint(1, 6)  # points
    return [
        Drawing(label, _draw(shape, form, speed, rounding, rng))
        for label, shape in _SHAPES.items()
    ]


def _draw(
    shape: str,
    form: np.ndarray,
    speed: float,
    rounding: int,
    rng: np.random.RandomState,
) -> Ink:
    ink, now = [], 0.0
    for part in shape.split("|"):
        corners = np.array([[float(axis) for axis in spot] for spot in part.split()])
        corners = (corners + rng.uniform(-0.2, 0.2, corners.shape)) @ form
        line = resample(np.column_stack([corners, np.zeros(len(corners))]), 2.0)[:, :2]
        ends = np.pad(line, ((rounding, rounding), (0, 0)), mode="edge")
        window = np.ones(2 * rounding + 1) / (2 * rounding + 1)
        line = np.column_stack([np.convolve(c, window, "valid") for c in ends.T])
        times = now + 2.0 / speed * np.arange(len(line))
        ink.append(np.column_stack([line, times]))
        now = times[-1] + rng.uniform(50, 300)
    return ink
