"""Dynamic and degenerate shapes, and one layer used twice."""

import keras
import numpy as np
import pytest

import slim_keras
from tests.slim_keras import oracle, support
from tests.slim_keras.support import BATCH, FEATURES, STEPS, UNITS


def test_any_batch_and_length(rng):
    layer = slim_keras.LSTM3(UNITS, return_sequences=True)
    model = keras.Sequential([keras.Input((None, FEATURES)), layer])
    assert model.output_shape == (None, None, UNITS)
    support.randomise(model, rng)
    for batch, steps in ((3, 6), (1, 1), (2, 9)):
        x = support.floats(rng, batch, steps, FEATURES)
        found = model.predict(x, verbose=0)
        support.close([found], support.expected(layer, x))


@pytest.mark.parametrize(
    ("key", "batch", "steps", "features", "units"),
    [("lstm4", 1, 1, 3, 4), ("lstm_c6", 2, 4, 1, 1)],
)
def test_gradients_of_the_smallest(key, batch, steps, features, units, rng):
    layer = support.make(
        key, rng, units=units, features=features, return_sequences=True
    )
    x = support.floats(rng, batch, steps, features)
    states = support.states(layer, rng, batch)
    mask = support.mask(rng, batch + 1, max(steps, 3))[1:, :steps]
    dy = support.slopes(layer, rng, batch, steps)
    support.is_the_oracle(layer, x, dy, states, mask)


def test_one_layer_twice_in_a_model(rng):
    """Values and gradients, with inputs of two lengths."""
    layer = slim_keras.LSTM5a(FEATURES, return_sequences=True)
    inputs = keras.Input((STEPS, FEATURES))
    once = layer(inputs)
    model = keras.Model(inputs, layer(once[:, 1:]))
    support.randomise(model, rng)
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    dy = [support.floats(rng, BATCH, STEPS - 1, FEATURES)]

    def twice(arrays):
        *weights, x = arrays
        once = support.expected(layer, x, weights=weights)[0]
        return support.expected(layer, once[:, 1:], weights=weights)

    y, found = support.gradients(model, x, dy)
    point = [*layer.get_weights(), x]
    support.close(y, twice(point))
    support.close(found, oracle.gradients(twice, point, dy))


def test_output_shapes_are_as_computed(rng):
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    for arguments in ({}, {"return_sequences": True}, {"return_state": True}):
        layer = support.make("lstm10", rng, **arguments)
        computed = layer.compute_output_shape(x.shape)
        shapes = [y.shape for y in support.outputs(layer, x)]
        nested = isinstance(computed[0], tuple)
        assert [tuple(s) for s in (computed if nested else [computed])] == shapes


def test_rank_is_checked(rng):
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        slim_keras.LSTM6(UNITS)(np.zeros((BATCH, FEATURES), "float32"))
