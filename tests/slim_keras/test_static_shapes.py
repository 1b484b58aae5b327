"""Layers behind ours that read a static shape, in one process, in changing order.

TensorFlow's compiled passes are shared among layers, and know no sizes in which these
differ. (With `keras.Input((None, features))` the `TimeDistributed` of Keras cannot know
the steps either, behind any recurrent layer.)
"""

import keras
import numpy as np
import pytest

import slim_keras
from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, FEATURES

if BACKEND != "tensorflow":
    pytest.skip("each call knows all sizes elsewhere", allow_module_level=True)

UNITS = 5
AFTER = {
    "dense": lambda: keras.layers.TimeDistributed(keras.layers.Dense(1)),
    "norm": lambda: keras.layers.LayerNormalization(axis=[1, 2]),
    "batch norm": lambda: keras.layers.BatchNormalization(axis=1),
    "unrolled": lambda: keras.layers.LSTM(2, unroll=True, return_sequences=True),
    "flat": lambda: keras.layers.Flatten(),
}


def model(key, steps, after, activation):
    layer = slim_keras.get(key)(
        UNITS, return_sequences=True, activation=activation, engine="scan"
    )
    return keras.Sequential([keras.Input((steps, FEATURES)), layer, AFTER[after]()])


@pytest.mark.parametrize("after", AFTER)
def test_a_known_length_stays_known(after, rng):
    def tanh(x):  # a new function, so that no test before has compiled this pass
        return keras.ops.tanh(x)

    for steps in (8, 4) if len(after) % 2 else (4, 8):
        made = model("lstm_c6", steps, after, tanh)
        x = support.floats(rng, 4, steps, FEATURES)
        y = made.predict(x, verbose=0)
        assert y.shape == (4, *made.output_shape[1:])
        layer, behind = made.layers
        sequence = layer(support.tensor(x))
        assert tuple(sequence.shape) == (4, steps, UNITS)
        wanted = keras.ops.convert_to_numpy(behind(sequence))
        np.testing.assert_allclose(y, wanted, rtol=0, atol=1e-5)


def test_two_lengths_in_one_model(rng):
    inputs = [keras.Input((steps, FEATURES)) for steps in (8, 4)]
    layer = slim_keras.LSTM_C6(UNITS, return_sequences=True, engine="scan")
    dense = keras.layers.Dense(1)
    both = [keras.layers.TimeDistributed(dense)(layer(x)) for x in inputs]
    made = keras.Model(inputs, both)
    arrays = [support.floats(rng, 1, steps, FEATURES) for steps in (8, 4)]
    found = made.predict(arrays, verbose=0)
    assert [y.shape for y in found] == [(1, 8, 1), (1, 4, 1)]
    made.compile("sgd", "mse")
    made.fit(arrays, [np.zeros((1, 8, 1)), np.zeros((1, 4, 1))], verbose=0)
