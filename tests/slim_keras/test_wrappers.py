"""The layers and cells inside Keras' own wrappers."""

import keras
import numpy as np
import pytest

import slim_keras
from tests.slim_keras import support
from tests.slim_keras.support import BATCH, FEATURES, STEPS, UNITS


def bidirectional(rng, key="lstm_c6", **arguments):
    wrapped = keras.layers.Bidirectional(slim_keras.get(key)(UNITS, **arguments))
    wrapped.build((None, None, FEATURES))
    return support.with_masks(support.randomise(wrapped, rng))


def directions(wrapped, x, mask):
    """Both directions by the oracle, the backward one in reading order."""
    forward = support.expected(wrapped.forward_layer, x, mask=mask)
    backward = support.expected(wrapped.backward_layer, x, mask=mask)
    if wrapped.return_sequences:
        backward[0] = backward[0][:, ::-1]
    return forward, backward


@pytest.mark.parametrize("sequences", [True, False])
def test_bidirectional(sequences, rng):
    wrapped = bidirectional(rng, return_sequences=sequences)
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    for mask in None, support.mask(rng):
        (forward,), (backward,) = directions(wrapped, x, mask)
        found = support.outputs(wrapped, x, mask=support.tensor(mask))
        support.close(found, [np.concatenate([forward, backward], axis=-1)])


def test_bidirectional_with_states(rng):
    wrapped = bidirectional(rng, "indylstm", return_sequences=True, return_state=True)
    x, mask = support.floats(rng, BATCH, STEPS, FEATURES), support.mask(rng)
    forward, backward = directions(wrapped, x, mask)
    found = support.outputs(wrapped, x, mask=support.tensor(mask))
    both = np.concatenate([forward[0], backward[0]], axis=-1)
    support.close(found, [both, *forward[1:], *backward[1:]])

    # The last states go in again as initial states.
    found = support.outputs(
        wrapped, x, initial_state=[support.tensor(s) for s in found[1:]]
    )
    first = support.expected(wrapped.forward_layer, x, forward[1:])
    second = support.expected(wrapped.backward_layer, x, backward[1:])
    both = np.concatenate([first[0], second[0][:, ::-1]], axis=-1)
    support.close(found, [both, *first[1:], *second[1:]])


def test_bidirectional_keeps_every_argument():
    wrapped = keras.layers.Bidirectional(
        slim_keras.LSTM4a(UNITS, forget=0.5, engine="loop", activation="relu")
    )
    for layer in wrapped.forward_layer, wrapped.backward_layer:
        assert layer.forget == 0.5
        assert layer.resolved_engine == "loop"
        assert layer.activation is keras.activations.relu
    assert wrapped.backward_layer.go_backwards


@pytest.mark.parametrize("key", ["lstm", "indrnn"])
def test_rnn_of_a_cell(key, rng):
    layer = support.make(key, rng, return_sequences=True, return_state=True)
    cell = type(layer).cell_class(UNITS)
    wrapped = support.with_masks(
        keras.layers.RNN(cell, return_sequences=True, return_state=True)
    )
    wrapped.build((None, None, FEATURES))
    wrapped.set_weights(layer.get_weights())
    x, mask = support.floats(rng, BATCH, STEPS, FEATURES), support.mask(rng)
    found = support.outputs(wrapped, x, mask=support.tensor(mask))
    support.close(found, support.expected(layer, x, mask=mask))


def test_rnn_of_stacked_cells(rng):
    cells = [slim_keras.LSTM6Cell(UNITS), slim_keras.IndRNNCell(5)]
    stack = keras.layers.RNN(cells, return_sequences=True, return_state=True)
    stack.build((None, None, FEATURES))
    support.randomise(stack, rng)
    first = slim_keras.LSTM6(UNITS, return_sequences=True, return_state=True)
    second = slim_keras.IndRNN(5, return_sequences=True, return_state=True)
    for layer, cell, features in zip(
        (first, second), cells, (FEATURES, UNITS), strict=True
    ):
        layer.build((None, None, features))
        layer.set_weights(cell.get_weights())
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    below = support.expected(first, x)
    wanted = support.expected(second, below[0])
    support.close(support.outputs(stack, x), [wanted[0], *below[1:], *wanted[1:]])


def test_stacked_layers_hand_the_mask_on(rng):
    model = keras.Sequential(
        [
            keras.Input((None, FEATURES)),
            keras.layers.Masking(),
            slim_keras.LSTM_C6(UNITS, return_sequences=True),
            slim_keras.IndyLSTM(UNITS),
        ]
    )
    support.randomise(model, rng)
    x, mask = support.floats(rng, BATCH, STEPS, FEATURES), support.mask(rng)
    x[~mask] = 0
    below = support.expected(model.layers[1], x, mask=mask)[0]
    found = support.arrays(model(support.tensor(x)))
    support.close(found, support.expected(model.layers[2], below, mask=mask))


@pytest.mark.filterwarnings("ignore:Layer .* does not support masking:UserWarning")
@pytest.mark.parametrize(
    ("wrap", "told"), [(keras.layers.Bidirectional, False), (keras.layers.RNN, True)]
)
def test_a_wrapper_hands_the_mask_on_where_keras_own_does(wrap, told, rng):
    """Up to Keras 3.15 always, from 3.16 on where it is told to."""
    layer = slim_keras.LSTM_C6(UNITS, return_sequences=True)
    inner = layer.cell if wrap is keras.layers.RNN else layer
    wrapped = wrap(inner, **{"return_sequences": True} if inner is layer.cell else {})
    if told:
        support.with_masks(wrapped)
    behind = slim_keras.IndyLSTM(UNITS)
    stack = [keras.Input((None, FEATURES)), keras.layers.Masking(), wrapped, behind]
    model = support.randomise(keras.Sequential(stack), rng)
    x, mask = support.floats(rng, BATCH, STEPS, FEATURES), support.mask(rng)
    x[~mask] = 0
    between = keras.Sequential(model.layers[:2])
    below, found = support.arrays(
        [between(support.tensor(x)), model(support.tensor(x))]
    )
    passed = told or wrap(inner).supports_masking
    wanted = support.expected(behind, below, mask=mask if passed else None)
    support.close([found], wanted)


def test_time_distributed(rng):
    layer = slim_keras.LSTM5(UNITS)
    wrapped = keras.layers.TimeDistributed(layer)
    wrapped.build((BATCH, 2, STEPS, FEATURES))
    support.randomise(wrapped, rng)
    x = support.floats(rng, BATCH, 2, STEPS, FEATURES)
    wanted = [support.expected(layer, x[:, k])[0] for k in range(2)]
    support.close(support.outputs(wrapped, x), [np.stack(wanted, axis=1)])
