"""GloVe vectors (Pennington et al. 2014) for the words of a data set."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from experiments.core.errors import UserError
from experiments.datasets import cache, checksum, disk, network
from experiments.datasets.glove import files
from experiments.datasets.newsgroups import sample as sample_newsgroups

URL = "https://nlp.stanford.edu/data/glove.6B.zip"
EXAMPLE_DIM = 100  # of Keras' pretrained_word_embeddings.py
ENCODING = 1  # raise it when the same file begins to give another matrix

_WAYS = (
    "let glove.6B.zip be downloaded (862 MB; a network, no --data-dir), or name by "
    "--data-dir or SLIM_KERAS_DATA a folder with glove.6B.zip or one of its files, as "
    f"glove.6B.100d.txt, .txt.gz or .txt.xz ({URL})"
)


@dataclass(frozen=True)
class Vectors:
    """Vectors for the words of a data set.

    Attributes:
        matrix: `(words, dim)`, float32; row i belongs to word i, and is zero where
            there is no vector for it.
        missing: How many words have no vector. Padding is no word.
        origin: One line that says where the vectors were read from.
    """

    matrix: np.ndarray
    missing: int
    origin: str

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over dtype, shape and bytes of the matrix."""
        return checksum(self.matrix)


def load(
    words: Sequence[str],
    dim: int | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Vectors:
    """The GloVe vectors of some words.

    A named folder is searched and nothing else; without one, the cache is, and
    `glove.6B.zip` is downloaded if it is not there.

    Args:
        words: The vocabulary of a data set, padding `""` included.
        dim: Dimension of the vectors; None is `EXAMPLE_DIM`, or the one at hand.
        data_dir: Folder with GloVe files; default is the environment variable
            SLIM_KERAS_DATA. What it may hold: see `glove_files`.
        cache_dir: Where matrices and downloads are kept; default is the user's cache
            folder.

    Raises:
        UserError: There are no vectors of that dimension, or several kinds; a file is
            damaged.
    """

    def look(folder: Path) -> list[files.Source] | None:
        return files.find(folder) or None

    try:
        source = _choose(network.find(look, data_dir, cache_dir, URL), dim)
    except disk.NotFoundError as error:
        raise UserError(f"no GloVe vectors: {error}; {_WAYS}") from None

    def build() -> Vectors:
        matrix, found = files.read(source, words)
        return Vectors(matrix, sum(map(bool, words)) - found, source.origin)

    digest = hashlib.sha256(json.dumps(list(words)).encode()).hexdigest()
    try:
        stats = cache.identity([source.path])
        key = ["glove", ENCODING, source.origin, stats, digest]
        return cache.fetch(cache.default_folder(cache_dir), key, build, Vectors)
    except OSError as error:
        raise UserError(f"{source.path} cannot be read ({error})") from None


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
    return np.random.RandomState(seed).normal(size=dim)  # the generator of old stays


def _choose(sources: list[files.Source], dim: int | None) -> files.Source:
    """The best file of a dimension."""
    if dim is None and any(source.dim == EXAMPLE_DIM for source in sources):
        dim = EXAMPLE_DIM
    fitting = [source for source in sources if dim in (None, source.dim)]
    kinds = sorted({source.vectors for source in fitting or sources})
    folder = sources[0].path.parent
    if not fitting:
        raise UserError(
            f"dim is {dim}, but {folder} has other vectors only: {', '.join(kinds)}"
        )
    if len(kinds) > 1:
        raise UserError(
            f"{folder} has several kinds of vectors: {', '.join(kinds)}; "
            "name the dimension, or a folder with one kind"
        )
    return fitting[0]
