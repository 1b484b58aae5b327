"""Words put together from single characters that people drew.

A word has the hand of one writer, as no writer of the test set may be seen in training.
Its characters are drawn at random, so there is no language to learn. They stand side by
side as they were drawn, in their own height above the line, with small random changes:

    size    of each character, its width and its height U(0.8, 1.2)
    gap     between two of them, U(0.1, 0.3) of the box that one was drawn in
    pause   between two of them, U(100, 400) ms
    slant   of the word, x + U(-0.2, 0.2) y
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.datasets.handwriting.ink import Ink

LETTERS = (3, 6)  # in a word
BOX = 100.0  # the side of what a character was drawn in
SIZE, GAP, PAUSE, SLANT = (0.8, 1.2), (0.1, 0.3), (100, 400), (-0.2, 0.2)


class Drawing(NamedTuple):
    """One character as somebody drew it, in a square with sides of about `BOX`."""

    label: str
    ink: Ink


Hand = Sequence[Drawing]  # all characters of one writer
Word = tuple[Ink, list[str]]


def words(hands: Sequence[Hand], count: int, seed: Sequence[int]) -> list[Word]:
    """Random words.

    Args:
        hands: The writers. Each character of all of them is as likely.
        seed: What the words depend on.

    Returns:
        For each word its ink and its labels.
    """
    rng = np.random.default_rng(seed)
    sizes = np.array([len(hand) for hand in hands])
    chosen = rng.choice(len(hands), count, p=sizes / sizes.sum())
    return [_word(hands[writer], rng) for writer in chosen]


def _word(hand: Hand, rng: np.random.Generator) -> Word:
    letters = rng.integers(LETTERS[0], LETTERS[1], endpoint=True)
    drawings = [hand[place] for place in rng.integers(len(hand), size=letters)]
    ink: Ink = []
    right = now = 0.0
    for drawing in drawings:
        points = np.concatenate(drawing.ink)
        wide, high = rng.uniform(*SIZE, size=2)
        left, _, start = points.min(axis=0)
        shift = [right - wide * left, 0, now - start]
        ink += [stroke * [wide, high, 1] + shift for stroke in drawing.ink]
        width, _, seconds = np.ptp(points, axis=0)
        right += wide * width + rng.uniform(*GAP) * BOX
        now += seconds + rng.uniform(*PAUSE)
    shear = [[1, 0, 0], [rng.uniform(*SLANT), 1, 0], [0, 0, 1]]
    return [stroke @ shear for stroke in ink], [one.label for one in drawings]
