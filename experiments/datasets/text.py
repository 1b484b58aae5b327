"""Texts as rows of word numbers, numbered as `keras.datasets.imdb` numbers them.

Plain Python and NumPy: importing Keras here would fix its backend before the
command line has chosen one.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

PADDING, START, UNKNOWN = 0, 1, 2
OFFSET = 3  # the word of rank r has the number r + OFFSET

_SEPARATORS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_BLANKS = str.maketrans(_SEPARATORS, " " * len(_SEPARATORS))


def normalise(text: str) -> str:
    """Lower-case words with one blank between them, cut as Keras cuts them.

    Only the blank separates words afterwards (`.split(" ")`): a no-break space, for
    one, stays inside its word.
    """
    return " ".join(filter(None, text.lower().translate(_BLANKS).split(" ")))


def rank_words(texts: Iterable[str]) -> dict[str, int]:
    """Rank of every word in normalised texts: 1 for the most frequent.

    Equally frequent words follow the alphabet; without that rule their ranks would
    depend on the order in which the texts were read.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text.split(" "))
    del counts[""]  # of a text without words
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: rank for rank, word in enumerate(ordered, start=1)}


def vocabulary(texts: Iterable[str], num_words: int) -> tuple[str, ...]:
    """The most frequent words of normalised texts, each at the place of its rank.

    Place 0 stands for padding, which leaves `num_words - 1` words at most.
    """
    return ("", *rank_words(texts))[:num_words]


def encode(text: str, ranks: Mapping[str, int], num_words: int) -> list[int]:
    """Numbers of a normalised text: START, then rank + OFFSET, or UNKNOWN.

    Args:
        ranks: What `rank_words` made of the training texts.
        num_words: Numbers from here on become UNKNOWN.
    """
    last = num_words - OFFSET
    numbers = [START]
    for word in text.split(" "):
        rank = ranks.get(word, last)
        numbers.append(rank + OFFSET if rank < last else UNKNOWN)
    return numbers


def pad(rows: Sequence[Sequence[int]], length: int) -> np.ndarray:
    """One `(len(rows), length)` array, padded with zeros and cut in front."""
    padded = np.full((len(rows), length), PADDING, np.int32)
    for line, row in zip(padded, rows, strict=True):
        kept = row[-length:]
        line[length - len(kept) :] = kept
    return padded


def in_fixed_order(examples: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """The examples in the order of their texts' hashes.

    It mixes the labels and depends on the texts alone, so every source of the same
    texts ends in the same arrays.
    """
    return sorted(
        examples,
        key=lambda example: (hashlib.sha256(example[0].encode()).digest(), example),
    )


def to_arrays(
    train: Iterable[tuple[str, int]],
    test: Iterable[tuple[str, int]],
    num_words: int,
    length: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labelled texts as `x_train, y_train, x_test, y_test`.

    The training texts make the vocabulary.
    """
    splits = [
        in_fixed_order((normalise(text), label) for text, label in split)
        for split in (train, test)
    ]
    ranks = rank_words(text for text, _ in splits[0])
    arrays = []
    for split in splits:
        arrays.append(pad([encode(t, ranks, num_words) for t, _ in split], length))
        arrays.append(np.array([label for _, label in split], np.int32))
    x_train, y_train, x_test, y_test = arrays
    return x_train, y_train, x_test, y_test
