"""GloVe vectors (Pennington et al. 2014) for the words of a data set."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from experiments.datasets import checksum
from experiments.datasets.choose import Declared, Folder, cached, required
from experiments.datasets.glove import files
from experiments.datasets.newsgroups import sample as sample_newsgroups

URL = "https://nlp.stanford.edu/data/glove.6B.zip"
ENCODING = 1  # raise it when the same file begins to give another matrix


@dataclass(frozen=True)
class Vectors:
    """Vectors for the words of a data set."""

    # `(words, dim)`, float32; row i belongs to word i, and is zero where the word has
    # no vector.
    matrix: np.ndarray
    # How many words have no vector. Padding does not count.
    missing: int
    origin: str  # one line that says where the vectors were read from

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over dtype, shape and bytes of the matrix."""
        return checksum(self.matrix)


def load(
    words: Sequence[str],
    dim: int | None = None,
    data_dir: Folder = None,
) -> Vectors:
    """The GloVe vectors of some words.

    Args:
        words: The vocabulary of a data set, padding `""` included.
        dim: Dimension of the vectors; None is `files.EXAMPLE_DIM`, or the one at hand.
        data_dir: Folder with GloVe files; see `choose` and `files.find`.

    Raises:
        UserError: There are no vectors of that dimension, or several kinds; a file is
            damaged.
    """
    declared = Declared(
        name="glove",
        title="GloVe vectors",
        find=partial(files.find, words=words, dim=dim),
        holds="glove.6B.zip or one of its files, as glove.6B.100d.txt, .txt.gz or "
        f".txt.xz ({URL}, 862 MB)",
        downloads={
            URL: "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb"
        },
    )
    source = required(declared, data_dir)

    def build() -> Vectors:
        matrix, found = source.read()
        return Vectors(matrix, sum(map(bool, words)) - found, source.origin)

    digest = hashlib.sha256(json.dumps(list(words)).encode()).hexdigest()
    return cached(source, ["glove", ENCODING], [digest], build, Vectors)


def sample(words: Sequence[str], dim: int) -> Vectors:
    """Synthetic vectors for the sample of newsgroups, made for any words.

    As in GloVe the words of one topic lie near each other.
    """
    topics = {
        word: group
        for group, own in sample_newsgroups.TOPIC_WORDS.items()
        for word in own
    }
    matrix = np.zeros((len(words), dim), np.float32)
    for row, word in zip(matrix, words, strict=True):
        if word:
            row += 0.4 * _noise(word, dim)
        if word in topics:
            row += _noise(topics[word], dim)
    return Vectors(matrix, 0, "synthetic vectors, glove.py")


def _noise(word: str, dim: int) -> np.ndarray:
    """Normal numbers that are always the same for a word."""
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
    return np.random.RandomState(seed).normal(size=dim)  # this generator never changes
