"""The real reviews, where they are on disk."""

import os
from pathlib import Path

import numpy as np
import pytest

from experiments.datasets import imdb, text
from experiments.datasets.imdb import sources, tfds_reader

DATA = Path(
    os.environ.get("SLIM_KERAS_DATA") or Path(__file__).parents[4] / "shared" / "data"
)
ARCHIVES = sorted(DATA.glob("imdb/aclImdb*.tar.gz"))
PREPARED = DATA / "tfds" / tfds_reader.PREPARED

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        not (ARCHIVES and PREPARED.is_dir()),
        reason=f"{DATA} has not both imdb/aclImdb*.tar.gz and tfds/imdb_reviews "
        "(SLIM_KERAS_DATA names the folder)",
    ),
]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return imdb.load(
        "imdb", DATA / "imdb", cache_dir=tmp_path_factory.mktemp("archive")
    )


def test_size_and_classes(archive):
    for x, y in ((archive.x_train, archive.y_train), (archive.x_test, archive.y_test)):
        assert x.shape == (25_000, 500)
        assert x.dtype == y.dtype == np.int32
        assert np.bincount(y).tolist() == [12_500, 12_500]
        assert (x.min(), x.max()) == (0, 4_999)


def test_prepared_data_gives_the_arrays_of_the_archive(archive, tmp_path):
    prepared = imdb.load("imdb", DATA / "tfds", cache_dir=tmp_path)
    assert prepared.origin != archive.origin
    assert prepared.checksum == archive.checksum


def test_the_vocabulary_is_the_one_that_keras_users_know(archive):
    source = sources.find(DATA / "imdb")
    reviews = source.read()
    ranks = text.rank_words(text.normalise(review) for review, _ in reviews["train"])
    assert len(ranks) == 88_582
    frequent = [
        "the",
        "and",
        "a",
        "of",
        "to",
        "is",
        "br",
        "in",
        "it",
        "i",
        "this",
        "that",
    ]
    assert [ranks[word] for word in frequent] == list(range(1, 13))
    # One review, numbered by hand, is a row with the label of its folder.
    review, label = reviews["test"][0]
    words = text.normalise(review).split(" ")
    numbers = [ranks.get(word, 5_000) + 3 for word in words]
    row = [1, *(number if number < 5_000 else 2 for number in numbers)][-500:]
    row = [0] * (500 - len(row)) + row
    same = (archive.x_test == row).all(axis=1)
    assert archive.y_test[same].tolist() == [label]
