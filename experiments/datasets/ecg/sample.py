"""Synthetic hearts: an invented patient for each record, with all classes of beats.

A beat is a few bumps around its R wave. A normal one has P, QRS and T; a
supraventricular one comes early and without its P; a ventricular one comes early, is
wide and turns its T over; a fusion is half the one and half the other.
"""

import numpy as np

from experiments.datasets.ecg.sources import CLASSES, DS1, DS2, RATE, Recordings

SECONDS = 40
SEED = 72

# Height in thousandths of a millivolt, place and width in seconds, of each bump.
_NORMAL = (
    (120, -0.18, 0.03),
    (1100, 0.0, 0.015),
    (-250, 0.03, 0.012),
    (250, 0.25, 0.05),
)
_WIDE = ((900, 0.0, 0.05), (-500, 0.12, 0.05), (-350, 0.28, 0.06))
_SHAPES = {
    "N": _NORMAL,
    "S": _NORMAL[1:],
    "V": _WIDE,
    "F": tuple((height / 2, *bump) for height, *bump in (*_NORMAL, *_WIDE)),
}
_CHANCES = (0.7, 0.1, 0.12, 0.08)
_EARLY = {"N": 1.0, "S": 0.65, "V": 0.7, "F": 0.9}  # of the usual time since the last


def generate() -> Recordings:
    """SECONDS of every record; always the same."""
    # This generator never changes its numbers.
    rng = np.random.RandomState(SEED)
    found = [_patient(rng) for _ in (*DS1, *DS2)]
    signals, places, classes = zip(*found, strict=True)
    return Recordings(
        (*DS1, *DS2),
        np.stack(signals),
        np.repeat(np.arange(len(found)), [len(one) for one in places]),
        np.concatenate(places).astype(np.int32),
        np.concatenate(classes).astype(np.int8),
    )


def _patient(rng: np.random.RandomState) -> tuple[np.ndarray, list[int], list[int]]:
    time = np.arange(SECONDS * RATE) / RATE
    size, usual = rng.uniform(0.6, 1.4), rng.uniform(0.7, 1.0)
    signal = 150 * np.sin(2 * np.pi * 0.2 * time + rng.uniform(0, 6))  # a breath
    signal += rng.normal(0, 10, len(time))
    places: list[int] = []
    classes: list[int] = []
    place = RATE  # of the next beat
    while place < len(time) - 2 * RATE:
        kind = rng.choice(len(CLASSES), p=_CHANCES)
        if places:
            early = _EARLY[CLASSES[kind]]
            place = places[-1] + round(RATE * usual * early * rng.uniform(0.95, 1.05))
        near = np.arange(place - RATE // 2, place + RATE // 2)
        for height, middle, width in _SHAPES[CLASSES[kind]]:
            away = (near - place) / RATE - middle
            signal[near] += size * height * np.exp(-((away / width) ** 2) / 2)
        places.append(place)
        classes.append(kind)
    return np.round(signal).astype(np.int16), places, classes
