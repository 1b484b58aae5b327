"""Synthetic digits: a small font, drawn at many places, in many greys and slants.

They have MNIST's shape, 28 x 28 bytes, white on black.
"""

import numpy as np

TRAIN, TEST = 2_000, 500
SEED = 28

_SIDE, _SCALE = 28, 3
_FONT = (
    "01110 10001 10011 10101 11001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00110 01000 10000 11111",
    "01110 10001 00001 00110 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "01110 10000 11110 10001 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00001 01110",
)


def generate() -> dict[str, np.ndarray]:
    """TRAIN and TEST images with their labels, as many of each digit; always the same.

    Returns:
        Arrays of bytes `x_train`, `y_train`, `x_test`, `y_test`.
    """
    # The old generator, whose numbers never change.
    rng = np.random.RandomState(SEED)
    arrays = {}
    for split, size in (("train", TRAIN), ("test", TEST)):
        labels = rng.permutation(np.arange(size) % len(_FONT)).astype(np.uint8)
        arrays[f"x_{split}"] = np.stack([_draw(digit, rng) for digit in labels])
        arrays[f"y_{split}"] = labels
    return arrays


def _draw(digit: int, rng: np.random.RandomState) -> np.ndarray:
    rows = [[int(dot) for dot in row] for row in _FONT[digit].split()]
    shape = np.kron(rows, np.ones((_SCALE, _SCALE), int))
    height, width = shape.shape
    slant = rng.uniform(-0.2, 0.2)
    top, left = rng.randint(2, _SIDE - height - 1), rng.randint(4, _SIDE - width - 3)
    image = np.zeros((_SIDE, _SIDE))
    for row in range(height):
        shift = left + round(slant * (height / 2 - row))
        image[top + row, shift : shift + width] = shape[row]
    grey = rng.randint(160, 256) - rng.randint(0, 60, image.shape)
    return (image * grey).astype(np.uint8)
