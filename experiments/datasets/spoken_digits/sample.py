"""Synthetic digits: tones that move, in the voices of three invented speakers.

A digit is the way that its pitch takes, over three points in octaves. A speaker has a
register, a pace and an overtone; every recording is a bit longer, louder and noisier or
less so.
"""

import numpy as np

from experiments.datasets.spoken_digits.sources import RATE, Recording

INDICES = 20  # recordings of each digit by each speaker
SEED = 8

_WAYS = (
    (0, 0, 0), (1, 1, 1), (2, 2, 2), (0, 1, 2), (2, 1, 0),
    (0, 2, 0), (2, 0, 2), (0, 0, 2), (2, 2, 0), (2, 0, 0),
)  # fmt: skip
# Hz of the lowest tone, seconds, strength of the overtone.
SPEAKERS = {"alto": (300, 0.45, 0.3), "bass": (220, 0.6, 0.6), "tenor": (260, 0.5, 0.1)}


def generate() -> list[Recording]:
    """INDICES recordings of each digit by each speaker; always the same."""
    # The old generator, whose numbers never change.
    rng = np.random.RandomState(SEED)
    return [
        Recording(digit, speaker, index, _say(way, *voice, rng))
        for speaker, voice in SPEAKERS.items()
        for digit, way in enumerate(_WAYS)
        for index in range(INDICES)
    ]


def _say(
    way: tuple[int, ...],
    lowest: float,
    seconds: float,
    overtone: float,
    rng: np.random.RandomState,
) -> np.ndarray:
    length = round(RATE * seconds * rng.uniform(0.8, 1.2))
    time = np.linspace(0, 1, length)
    octaves = np.interp(time, [0, 0.5, 1], way) + rng.uniform(-0.1, 0.1)
    phase = 2 * np.pi * np.cumsum(lowest * 2**octaves) / RATE
    wave = np.sin(phase) + overtone * np.sin(2 * phase)
    wave *= np.sin(np.pi * time) ** 0.5 * rng.uniform(0.1, 0.4)
    wave += rng.normal(0, 0.005, length)
    return np.round(32767 * np.clip(wave, -1, 1)).astype(np.int16)
