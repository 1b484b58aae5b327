"""Pen strokes as steps of a sequence model.

A stroke is an array `(points, 3)` of x, y and time in milliseconds, y downward; ink is
a list of strokes. Every stroke is drawn anew with points in equal distances d, and step
k of all points p, one stroke after the other, has four features:

    dx, dy   (p[k] - p[k-1]) / d, so a step of the pen has length 1
    pen      -1 where the pen was lifted between the two points and in the first step,
             else 1; so no step is all zero, as padding is
    dt       log(1 + milliseconds / 10) between the two points

The distance is `SPACING` of the ink's size: its height or, of a dash say, its width
divided by `FLAT`. So where the ink lies and how large it is changes nothing.
"""

import numpy as np

from experiments.core.errors import UserError

Ink = list[np.ndarray]

FEATURES = 4
SPACING = 1 / 6
FLAT = 30
LIMIT = 2_000  # steps of one ink; a longer one is drawn with larger distances
LARGEST = 1e9  # of a coordinate or time
TICK = 10.0  # milliseconds


def features(ink: Ink, where: object = "ink") -> np.ndarray:
    """The features of all steps, `(steps, 4)` in float32, at most `LIMIT` of them.

    Args:
        ink: The strokes. Empty ones are left out and points that repeat the one before
            are merged; a stroke of one point stays as a dot.
        where: What the ink is, for the message of an error.

    Raises:
        UserError: No stroke has a point, a number is not finite or beyond any pen, or
            there are more strokes than steps.
    """
    strokes = _normalised(clean(ink, where))
    lengths = [_distances(stroke)[-1] for stroke in strokes]
    room = LIMIT - 2 * len(strokes)  # the ends of each, which rounding may add
    if room <= 0:
        raise UserError(
            f"{where} has {len(strokes):,} strokes: it must have fewer than "
            f"{LIMIT // 2:,}"
        )
    spacing = max(SPACING, sum(lengths) / room)
    strokes = [resample(stroke, spacing) for stroke in strokes]
    points = np.concatenate(strokes)
    change = np.diff(points, axis=0, prepend=points[:1])
    pen = np.ones(len(points))
    pen[np.cumsum([0, *map(len, strokes[:-1])])] = -1
    # Clocks are set back now and then.
    time = np.log1p(np.maximum(change[:, 2], 0) / TICK)
    return np.column_stack([change[:, :2] / spacing, pen, time]).astype(np.float32)


def clean(ink: Ink, where: object = "ink") -> Ink:
    """The strokes without the empty ones and without repeated points.

    Raises:
        UserError: As in `features`.
    """
    strokes = [np.asarray(stroke, float).reshape(-1, 3) for stroke in ink]
    for number, stroke in enumerate(strokes, start=1):
        # A comparison with NaN is false.
        for point in np.flatnonzero(~(np.abs(stroke) <= LARGEST).all(axis=1)):
            raise UserError(
                f"{where}: point {point + 1} of stroke {number} is "
                f"{stroke[point].tolist()}: x, y and time must be numbers up to 1e9"
            )
    strokes = [_merged(stroke) for stroke in strokes if len(stroke)]
    if not strokes:
        raise UserError(f"{where} is empty: it has no stroke with a point")
    return strokes


def resample(stroke: np.ndarray, spacing: float) -> np.ndarray:
    """A stroke as points at equal distances, with both its ends.

    Args:
        stroke: Points `(n, 3)`, none repeated.
        spacing: The distance, made to fit the length of the stroke.
    """
    along = _distances(stroke)
    if along[-1] == 0:
        return stroke[:1]
    targets = np.linspace(0, along[-1], max(round(along[-1] / spacing), 1) + 1)
    return np.column_stack([np.interp(targets, along, column) for column in stroke.T])


def _merged(stroke: np.ndarray) -> np.ndarray:
    moved = np.diff(stroke[:, :2], axis=0).any(axis=1)
    return stroke[np.concatenate([[True], moved])]


def _normalised(strokes: Ink) -> Ink:
    """Strokes in heights of the ink, from its top left corner."""
    points = np.concatenate(strokes)[:, :2]
    corner = points.min(axis=0)
    width, height = points.max(axis=0) - corner
    size = max(height, width / FLAT) or 1.0
    return [
        np.column_stack([(stroke[:, :2] - corner) / size, stroke[:, 2]])
        for stroke in strokes
    ]


def _distances(stroke: np.ndarray) -> np.ndarray:
    """The length of the stroke up to each of its points."""
    return np.concatenate([[0], np.cumsum(np.hypot(*np.diff(stroke[:, :2], axis=0).T))])
