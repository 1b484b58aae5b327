"""Dropout: what it drops, how often, and that all engines drop the same."""

import keras
import numpy as np
import pytest

import slim_keras
from tests.slim_keras import support
from tests.slim_keras.support import BATCH, FEATURES, STEPS, UNITS

# h_t = x_t: what comes out is the input after dropout.
INPUT = {
    "activation": "linear",
    "kernel_initializer": "identity",
    "recurrent_vector_initializer": "zeros",
}
# h_t = h_{t-1}: what comes out is h_0 after t dropouts.
CARRY = {
    "activation": "linear",
    "kernel_initializer": "zeros",
    "recurrent_vector_initializer": "ones",
}
SIZE = 40


def layers(**arguments):
    """The layer by our engine, and Keras' own layer around the cell."""
    return {
        "scan": slim_keras.IndRNN(SIZE, return_sequences=True, **arguments),
        "cell": keras.layers.RNN(
            slim_keras.IndRNNCell(SIZE, **arguments), return_sequences=True
        ),
    }


@pytest.mark.parametrize("run", ["scan", "cell"])
def test_input_dropout(run):
    layer = layers(dropout=0.25, seed=1, **INPUT)[run]
    ones = np.ones((BATCH, STEPS, SIZE), "float32")
    assert np.all(support.outputs(layer, ones)[0] == 1)
    (y,) = support.outputs(layer, ones, training=True)
    dropped = y == 0
    np.testing.assert_allclose(y[~dropped], 1 / 0.75, rtol=1e-6)
    # One mask for all steps, another one for every row.
    assert np.all(dropped == dropped[:, :1])
    assert not np.all(dropped[0] == dropped[1])
    # 120 draws: 0.25 within three standard deviations.
    assert abs(dropped.mean() - 0.25) < 0.12
    (again,) = support.outputs(layer, ones, training=True)
    assert not np.all((again == 0) == dropped)


@pytest.mark.parametrize("run", ["scan", "cell"])
def test_recurrent_dropout(run):
    layer = layers(recurrent_dropout=0.25, seed=1, **CARRY)[run]
    zeros = np.zeros((BATCH, STEPS, SIZE), "float32")
    first = support.tensor(np.ones((BATCH, SIZE), "float32"))
    assert np.all(support.outputs(layer, zeros, initial_state=[first])[0] == 1)
    (y,) = support.outputs(layer, zeros, initial_state=[first], training=True)
    dropped = y[:, 0] == 0
    # Kept units are not scaled up: u is 1, its bound, at every step and after them.
    np.testing.assert_array_equal(y, np.repeat(~dropped[:, None], STEPS, axis=1))
    assert abs(dropped.mean() - 0.25) < 0.12


def test_recurrent_dropout_scales_where_a_memory_is():
    """As in Keras' LSTM: h_t = 1 / (1 - p) h_{t-1} without input and memory."""
    layer = slim_keras.LSTM_C6(SIZE, forget=0.0, recurrent_dropout=0.25, **CARRY)
    zeros = np.zeros((BATCH, 2, SIZE), "float32")
    first = [support.tensor(np.ones((BATCH, SIZE), "float32"))] * 2
    (y,) = support.outputs(layer, zeros, initial_state=first, training=True)
    np.testing.assert_allclose(y[y > 0], (1 / 0.75) ** 2, rtol=1e-5)


def test_indrnn_stays_finite_under_recurrent_dropout(rng):
    """u at its bound over 500 steps: scaled by 1 / 0.7 it would be 1e77."""
    layer = slim_keras.IndRNN(
        UNITS, recurrent_vector_initializer="ones", recurrent_dropout=0.3
    )
    model = keras.Sequential([keras.Input((500, FEATURES)), layer])
    model.compile("sgd", "mse")
    x = support.floats(rng, BATCH, 500, FEATURES)
    y = support.floats(rng, BATCH, UNITS)
    (loss,) = model.fit(x, y, verbose=0).history["loss"]
    assert loss < 500**2
    assert np.abs(layer.get_weights()[1]).max() <= 1


@pytest.mark.parametrize(
    ("engine", "key"),
    support.runs("lstm5a", engines=("scan", "kernel"))
    + support.runs("indrnn", engines=["scan"])
    + support.runs("lstm11", engines=["kernel"]),
)
def test_engines_drop_the_same(engine, key, rng):
    """Values and all gradients under the same masks."""
    arguments = {"dropout": 0.3, "recurrent_dropout": 0.4, "seed": 5, "engine": engine}
    layer = support.make(
        key, rng, return_sequences=True, return_state=True, **arguments
    )
    loop = support.twin(layer, engine="loop")
    x, states = support.floats(rng, BATCH, STEPS, FEATURES), support.states(layer, rng)
    dy = support.slopes(layer, rng)
    mask = None if key == "lstm5a" else support.mask(rng)
    call = {"initial_state": states, "mask": support.tensor(mask), "training": True}
    found = support.gradients(layer, x, dy, **call)
    wanted = support.gradients(loop, x, dy, **call)
    support.close(found[0], wanted[0])
    support.close(found[1], wanted[1])
    plain = support.expected(layer, x, states, mask=mask)
    assert np.abs(plain[0] - found[0][0]).max() > 0.01


@pytest.mark.parametrize("run", ["scan", "cell"])
def test_seed(run, rng):
    x = support.tensor(support.floats(rng, BATCH, STEPS, SIZE))
    drop = {"dropout": 0.5, "recurrent_dropout": 0.5}
    same = [layers(seed=7, **drop)[run] for _ in range(2)]
    other = layers(seed=8, **drop)[run]
    for layer in *same, other:
        layer.build(x.shape)
        layer.set_weights(same[0].get_weights())
    ys = [support.outputs(layer, x, training=True)[0] for layer in (*same, other)]
    np.testing.assert_array_equal(ys[0], ys[1])
    assert not np.array_equal(ys[0], ys[2])


@pytest.mark.parametrize("run", ["scan", "cell"])
def test_training_draws_anew_in_every_step(run, rng):
    """Inside `fit`, which is jitted: zero learning rate, so only masks change."""
    drop = {"dropout": 0.5, "recurrent_dropout": 0.5, "seed": 3}
    layer = support.make("lstm_c6", rng, **drop)
    trained = layer
    if run == "cell":
        trained = keras.layers.RNN(slim_keras.LSTM_C6Cell(UNITS, **drop))
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), trained])
    trained.set_weights(layer.get_weights())
    model.compile(keras.optimizers.SGD(0.0), "mse")
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    y = np.ones((BATCH, UNITS), "float32")
    losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
    assert len(set(losses)) == 3
    wanted = np.mean((support.expected(layer, x)[0] - y) ** 2)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), wanted, rtol=1e-5)
