"""Order of the examples, validation split."""

import itertools

import keras
import numpy as np
import pytest

from experiments.core.data import Arrays, batches, split
from experiments.core.errors import UserError
from experiments.datasets import Dataset

X = np.arange(23)
Y = -X


def order(epoch, *, seed=3, size=5):
    """The examples of an epoch, in order, checked to be whole."""
    feed = batches((X, Y), size, seed)
    feed.begin(epoch)
    steps = [feed[k] for k in range(len(feed))]
    assert [len(x) for x, _ in steps] == [5, 5, 5, 5, 3]
    x, y = (np.concatenate(part) for part in zip(*steps, strict=True))
    np.testing.assert_array_equal(y, -x)
    np.testing.assert_array_equal(np.sort(x), X)
    return x.tolist()


def test_the_order_depends_on_seed_and_epoch():
    orders = [order(epoch, seed=seed) for epoch in range(3) for seed in range(3)]
    assert all(a != b for a, b in itertools.combinations(orders, 2))
    assert order(1) == order(1)


def test_fit_meets_the_order_of_its_epoch():
    x = (X / len(X)).astype("float32")
    y = np.sin(X).astype("float32")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.5), "mse", run_eagerly=True)
    model.set_weights([np.ones((1, 1))])
    feed = batches((x[:, None], y[:, None]), 5, 3)
    feed.begin(2)
    begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, _: feed.begin(e))
    options = {"shuffle": False, "verbose": 0, "callbacks": [begin]}
    model.fit(feed, initial_epoch=2, epochs=4, **options)

    def weight(examples):
        """Stochastic gradient descent by hand."""
        w = 1.0
        for epoch in examples:
            for start in range(0, len(X), 5):
                k = epoch[start : start + 5]
                w -= 0.5 * np.mean(2 * (w * x[k] - y[k]) * x[k])
        return w

    (trained,) = model.get_weights()
    expected = weight([order(2), order(3)])
    assert trained.item() == pytest.approx(expected, abs=1e-6)
    assert abs(expected - weight([order(0), order(1)])) > 1e-3


@pytest.mark.parametrize(("part", "drawn"), [(0.0, 0), (0.1, 3), (0.5, 12)])
def test_split_parts_the_examples_at_random_and_always_the_same(part, drawn):
    (x, y), (x_val, y_val) = split(X, Y, part)
    assert len(x_val) == drawn
    assert sorted([*x, *x_val]) == X.tolist()
    np.testing.assert_array_equal(
        np.concatenate([y, y_val]), -np.concatenate([x, x_val])
    )
    np.testing.assert_array_equal(split(X, Y, part)[1][0], x_val)
    if drawn:
        assert x_val.max() > drawn  # not the first ones
        assert x_val.min() < len(X) - drawn  # nor the last


def test_something_is_left_to_train_on():
    data = Dataset("made up", X, Y, X, Y, origin="made up")
    assert Arrays.of(data, 0.95).counts == {"train": 1, "val": 22, "test": 23}
    with pytest.raises(UserError, match=r"validation_split is 0\.96: of 23 examples"):
        Arrays.of(data, 0.96)
