"""LSTM against Keras' own; Hadamard variants against diagonal matrices."""

import keras
import numpy as np
import pytest

import slim_keras
from tests.slim_keras import support
from tests.slim_keras.support import BATCH, FEATURES, STEPS, UNITS


@pytest.mark.parametrize(
    "arguments",
    [
        {"return_sequences": True, "go_backwards": True, "use_bias": False},
        {"activation": "sigmoid", "recurrent_activation": "hard_sigmoid"},
    ],
    ids=["sequences", "last"],
)
def test_lstm_is_keras_lstm(arguments, rng):
    ours = support.make("lstm", rng, return_state=True, **arguments)
    theirs = keras.layers.LSTM(UNITS, return_state=True, **arguments)
    support.with_masks(theirs)
    theirs.build((None, None, FEATURES))
    theirs.set_weights(ours.get_weights())
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    states = support.states(ours, rng)
    mask = support.tensor(support.mask(rng))
    dy = support.slopes(ours, rng)
    support.are_alike(ours, theirs, x, dy, initial_state=states, mask=mask)


def test_weights_go_both_ways(rng):
    ours = slim_keras.LSTM(UNITS)
    theirs = keras.layers.LSTM(UNITS)
    for layer in ours, theirs:
        layer.build((None, None, FEATURES))
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    names = [w.path.split("/")[-1] for w in theirs.weights]
    assert [w.path.split("/")[-1] for w in ours.weights] == names
    # As Keras starts it: zeros, ones for the forget gate.
    np.testing.assert_array_equal(ours.get_weights()[2], theirs.get_weights()[2])
    for source, target in ((theirs, ours), (ours, theirs)):
        support.randomise(source, rng)
        target.set_weights(source.get_weights())
        support.close(support.outputs(ours, x), support.outputs(theirs, x))


def _diagonals(vector):
    """Vectors stacked, (k n,), to diagonal matrices side by side, (n, k n)."""
    parts = vector.reshape(-1, UNITS)
    return np.concatenate([np.diag(p) for p in parts], axis=-1)


@pytest.mark.parametrize(("slim", "full"), [("indylstm", "lstm"), ("lstm_c6", "lstm6")])
def test_vectors_are_diagonal_matrices(slim, full, rng):
    slim = support.make(slim, rng, return_state=True, return_sequences=True)
    kernel, vector, bias = slim.get_weights()
    full = support.make(full, rng, return_state=True, return_sequences=True)
    full.set_weights([kernel, _diagonals(vector), bias])
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    states = support.states(slim, rng)
    dy = support.slopes(slim, rng)

    y, found = support.gradients(slim, x, dy, states)
    y_full, wanted = support.gradients(full, x, dy, states)

    wanted[1] = np.concatenate(
        [np.diag(p) for p in np.split(wanted[1], wanted[1].shape[1] // UNITS, axis=1)]
    )
    support.close(y, y_full)
    support.close(found, wanted)


@pytest.mark.parametrize(
    ("slim", "full", "blocks"),
    [("lstm4", "lstm2", (0, 1, 3)), ("lstm5", "lstm1", (0, 1, 3))],
)
def test_gate_vectors_are_diagonal_matrices(slim, full, blocks, rng):
    slim = support.make(slim, rng, return_sequences=True)
    kernel, matrix, vector, bias = slim.get_weights()
    parts = np.split(_diagonals(vector), len(blocks), axis=-1)
    parts.insert(2, matrix)
    full = support.make(full, rng, return_sequences=True)
    full.set_weights([kernel, np.concatenate(parts, axis=-1), bias])
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    support.close(support.outputs(slim, x), support.outputs(full, x))


def test_constant_gates_are_saturated_ones(rng):
    """LSTM6 is LSTM3 with i = o = 1 and f = sigmoid(b_f)."""
    slim = support.make("lstm6", rng, forget=0.7, return_sequences=True)
    kernel, matrix, bias = slim.get_weights()
    ones = np.full(UNITS, 40.0)  # sigmoid(40) is 1 in float32
    gates = [ones, np.full(UNITS, np.log(0.7 / 0.3)), bias, ones]
    full = support.make("lstm3", rng, return_sequences=True)
    full.set_weights([kernel, matrix, np.concatenate(gates)])
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    support.close(support.outputs(slim, x), support.outputs(full, x))
