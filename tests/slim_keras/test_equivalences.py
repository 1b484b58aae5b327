"""LSTM against Keras' own; Hadamard variants against diagonal matrices."""

import keras
import numpy as np
import pytest

import slim_keras
from tests.slim_keras import oracle, support
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


def diagonals(vectors):
    """Vectors side by side, (k n,), as diagonal matrices side by side, (n, k n)."""
    return np.concatenate([np.diag(u) for u in vectors.reshape(-1, UNITS)], axis=-1)


# `test_oracle` holds every layer to these equations, so that numbers of theirs suffice.
@pytest.mark.parametrize(
    ("slim", "full"),
    [
        ("indylstm", "lstm"),
        ("lstm_c6", "lstm6"),
        ("lstm4", "lstm2"),
        ("lstm5", "lstm1"),
    ],
)
def test_vectors_are_diagonal_matrices(slim, full, rng):
    weights = support.make(slim, rng).get_weights()
    kernel, *matrix, vectors, bias = weights
    parts = np.split(diagonals(vectors), vectors.size // UNITS, axis=-1)
    parts[2:2] = matrix  # of the body, between gates
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    found = oracle.run(slim, weights, x)
    wanted = oracle.run(full, [kernel, np.concatenate(parts, axis=-1), bias], x)
    support.close(found, wanted, atol=1e-12)


def test_constant_gates_are_saturated_ones(rng):
    """LSTM6 is LSTM3 with i = o = 1 and f = sigmoid(b_f)."""
    weights = support.make("lstm6", rng).get_weights()
    kernel, matrix, bias = weights
    ones = np.full(UNITS, 40.0)  # sigmoid(40) is 1
    gates = [ones, np.full(UNITS, np.log(0.7 / 0.3)), bias, ones]
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    found = oracle.run("lstm6", weights, x, forget=0.7)
    wanted = oracle.run("lstm3", [kernel, matrix, np.concatenate(gates)], x)
    support.close(found, wanted, atol=1e-12)
