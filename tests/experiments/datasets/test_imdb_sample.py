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
    for reviews in sample_reviews.generate():
        for (one, no), (other, yes) in zip(reviews[::2], reviews[1::2], strict=True):
            assert (no, yes) == (0, 1)
            assert one != other
            assert sorted(one.split()) == sorted(other.split())


def test_size_and_lengths():
    train, test = sample_reviews.generate()
    assert (len(train), len(test)) == (2000, 1000)
    assert len({*train, *test}) == 3000
    lengths = [len(text.split()) for text, _ in train + test]
    assert min(lengths) >= 30
    assert max(lengths) <= LENGTH


def test_it_is_the_same_everywhere(sample):
    checksum = "b7b1789ef31eb26ef0caf8386713e2b3beea29dda21af36f3c2ffbbb4c576091"
    assert sample.checksum == checksum
    assert sample.x_train.max() < 150


def bag_of_words(x):
    """How often each word number occurs in each row; padding does not count."""
    counts = np.stack([np.bincount(row, minlength=150) for row in x])
    return counts[:, 1:].astype(float)


def logistic_regression(x_train, y_train, x_test, y_test):
    """Accuracy on the test set after plain gradient descent."""
    weights, bias = np.zeros(x_train.shape[1]), 0.0
    for _ in range(500):
        error = 1 / (1 + np.exp(-(x_train @ weights + bias))) - y_train
        weights -= 0.05 * x_train.T @ error / len(error)
        bias -= 0.05 * error.mean()
    return np.mean((x_test @ weights + bias > 0) == y_test)


def test_a_bag_of_words_is_not_enough(sample):
    train, test = bag_of_words(sample.x_train), bag_of_words(sample.x_test)
    accuracy = logistic_regression(train, sample.y_train, test, sample.y_test)
    assert accuracy < 0.65
    # The same classifier does learn what a bag of words can tell: is a word there?
    column = int(np.argmin(np.abs((train > 0).mean(0) - 0.5)))
    occurs = [(counts[:, column] > 0).astype(int) for counts in (train, test)]
    assert logistic_regression(train, occurs[0], test, occurs[1]) > 0.9


def test_a_recurrent_layer_is(sample):
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
    _, accuracy = model.evaluate(x_test, sample.y_test, batch_size=500, verbose=0)
    assert accuracy > 0.85
