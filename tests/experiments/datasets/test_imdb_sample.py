"""The synthetic reviews need the order of the words, and it suffices."""

import keras
import numpy as np
import pytest

from experiments.datasets import imdb
from experiments.datasets.imdb import sample as sample_reviews

LENGTH = 150


@pytest.fixture(scope="module")
def sample():
    return imdb.load("sample", length=LENGTH)


def test_every_review_has_a_twin_of_the_other_label():
    """So no bag of words can tell the two apart."""
    train, test = sample_reviews.generate()
    assert (len(train), len(test), len({*train, *test})) == (2000, 1000, 3000)
    for reviews in (train, test):
        for (one, no), (other, yes) in zip(reviews[::2], reviews[1::2], strict=True):
            assert (no, yes) == (0, 1)
            assert one != other
            assert sorted(one.split()) == sorted(other.split())
            assert 30 <= len(one.split()) <= LENGTH


def test_it_is_the_same_everywhere(sample):
    checksum = "b7b1789ef31eb26ef0caf8386713e2b3beea29dda21af36f3c2ffbbb4c576091"
    assert sample.checksum == checksum
    assert sample.x_train.max() < 150


def test_a_recurrent_layer_learns_it(sample):
    # The last opinion decides, and a short row is quick on every backend.
    x_train, x_test = sample.x_train[:, -50:], sample.x_test[:, -50:]
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Embedding(150, 16),
            keras.layers.GRU(32),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer = keras.optimizers.Adam(1e-2)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    model.fit(x_train, sample.y_train, batch_size=128, epochs=2, verbose=0)
    predicted = model.predict(x_test, batch_size=500, verbose=0)[:, 0] > 0.5
    assert np.mean(predicted == sample.y_test) > 0.85
