"""Initial states, stateful layers, and sequences cut in two."""

import keras
import numpy as np
import pytest

import slim_keras
from tests.slim_keras import support
from tests.slim_keras.support import BATCH, FEATURES, STEPS, UNITS


@pytest.mark.parametrize("key", ["lstm4a", "indrnn"])
def test_forms_of_initial_state(key, rng):
    layer = support.make(key, rng, return_state=True)
    x, states = support.floats(rng, BATCH, STEPS, FEATURES), support.states(layer, rng)
    wanted = support.expected(layer, x, states)
    tensors = [support.tensor(s) for s in states]
    one = tensors if len(tensors) == 1 else []  # which comes without a list, too
    for given in tensors, states, tuple(tensors), *one:
        support.close(support.outputs(layer, x, initial_state=given), wanted)
    inputs = keras.Input((None, FEATURES))
    first = [keras.Input((UNITS,)) for _ in states]
    model = keras.Model([inputs, *first], layer(inputs, initial_state=first))
    support.close(support.arrays(model([support.tensor(x), *tensors])), wanted)


def state_of(*shape):
    return support.tensor(np.ones(shape, "float32"))


# Batch 3, 4 units: too many, too few, other shapes.
WRONG = {
    "lstm4a": [
        [state_of(3, 4)],
        [state_of(3, 4)] * 3,
        [],
        state_of(3, 4),
        [state_of(3, 4), state_of(3, 5)],
        [state_of(3, 4), state_of(2, 4)],
        [state_of(4), state_of(4)],
        [state_of(3, 4, 1)] * 2,
    ],
    "indrnn": [[state_of(3, 4)] * 2, state_of(4), state_of(2, 4), [state_of(3, 6, 4)]],
}


@pytest.mark.parametrize("key", WRONG)
def test_other_states_are_refused(key, rng):
    x = support.tensor(support.floats(rng, BATCH, STEPS, FEATURES))
    layer = support.make(key, rng)
    for states in WRONG[key]:
        message = r"must be .* of shape .* \(3, 4\) or \(1, 4\)\. Received: shapes"
        with pytest.raises(ValueError, match=f"`initial_state` .*{message}"):
            layer(x, initial_state=states)
        with pytest.raises(ValueError, match=f"`states` .*{message}"):
            layer.cell(x[:, 0], states)


@pytest.mark.parametrize("key", ["lstm6", "indrnn"])
def test_one_row_of_states_serves_the_batch(key, rng):
    """Its gradient is the sum over the batch."""
    layer = support.make(key, rng, return_state=True)
    x, row = support.floats(rng, BATCH, STEPS, FEATURES), support.states(layer, rng, 1)
    rows = [np.repeat(state, BATCH, axis=0) for state in row]
    dy = [support.floats(rng, BATCH, UNITS) for _ in range(1 + len(row))]
    y, found = support.gradients(layer, x, dy, row)
    support.close(y, support.expected(layer, x, rows))
    wanted = support.expected_gradients(layer, x, dy, rows)
    first = len(wanted) - len(row)
    wanted[first:] = [g.sum(axis=0, keepdims=True) for g in wanted[first:]]
    support.close(found, wanted)


def test_a_cell_of_one_state_takes_it_without_a_list(rng):
    """As Keras' SimpleRNNCell and GRUCell do."""
    layer = support.make("indrnn", rng)
    x, state = support.floats(rng, BATCH, 1, FEATURES), support.floats(rng, 3, 4)
    wanted = support.expected(layer, x, [state])
    y, h = layer.cell(support.tensor(x[:, 0]), support.tensor(state))
    support.close(support.arrays([y, h]), wanted * 2)
    y, (h,) = layer.cell(support.tensor(x[:, 0]), [support.tensor(state)])
    support.close(support.arrays([y, h]), wanted * 2)


def test_states_pass_from_encoder_to_decoder(rng):
    """As in a translation model: the last states of one layer start another."""
    inputs = keras.Input((None, FEATURES))
    encoder = slim_keras.LSTM11(UNITS, return_state=True)
    decoder = slim_keras.LSTM11(UNITS, return_sequences=True)
    _, *carried = encoder(inputs)
    model = keras.Model(inputs, decoder(inputs, initial_state=carried))
    support.randomise(model, rng)
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    states = support.expected(encoder, x)[1:]
    found = support.arrays(model(support.tensor(x)))
    support.close(found, support.expected(decoder, x, states))


@pytest.mark.parametrize("key", ["lstm", "lstm6", "lstm_c6", "indrnn"])
def test_two_parts_with_carried_states_are_the_whole(key, rng):
    layer = support.make(key, rng, return_sequences=True, return_state=True)
    x = support.floats(rng, BATCH, 2 * STEPS, FEATURES)
    whole = support.expected(layer, x)
    first, *carried = layer(support.tensor(x[:, :STEPS]))
    second = layer(support.tensor(x[:, STEPS:]), initial_state=carried)
    first, second = support.arrays(first), support.arrays(second)
    outputs = np.concatenate([first[0], second[0]], axis=1)
    support.close([outputs, *second[1:]], whole)


def stateful(layer):
    """The same layer, carrying its states from call to call."""
    copy = type(layer).from_config(layer.get_config() | {"stateful": True})
    copy.build((BATCH, STEPS, FEATURES))
    copy.set_weights(layer.get_weights())
    return copy


@pytest.mark.parametrize(
    ("engine", "key"),
    support.runs("lstm6") + support.runs("indrnn", engines=["kernel"]),
)
def test_stateful(key, engine, rng):
    whole = support.make(key, rng, return_sequences=True, engine=engine)
    layer = stateful(whole)
    x = support.floats(rng, BATCH, 2 * STEPS, FEATURES)
    wanted = support.expected(whole, x)
    for _ in range(2):
        parts = [support.outputs(layer, part) for part in np.split(x, 2, axis=1)]
        support.close([np.concatenate([y for (y,) in parts], axis=1)], wanted)
        layer.reset_state()
        zeros = [np.zeros((BATCH, UNITS))] * len(layer.cell.state_size)
        support.close(support.arrays([s.value for s in layer.states]), zeros)


# float16 has 11 bits; states are carried in it from batch to batch.
@pytest.mark.parametrize(
    ("dtype", "atol"), [("float32", support.CLOSE), ("mixed_float16", 5e-3)]
)
def test_stateful_in_a_model(dtype, atol, rng):
    """Two batches in a row; mixed precision with states broke in Keras before."""
    whole = support.make("lstm_c6", rng, return_sequences=True, dtype=dtype)
    layer = stateful(whole)
    model = keras.Sequential([keras.Input(batch_shape=(BATCH, STEPS, FEATURES)), layer])
    x = support.floats(rng, BATCH, 2 * STEPS, FEATURES)
    parts = np.split(x, 2, axis=1)
    if support.BACKEND == "jax":  # where `predict` carries no layer's states
        found = [support.outputs(model, part)[0] for part in parts]
    else:
        batches = np.concatenate(parts)
        found = np.split(model.predict(batches, batch_size=BATCH, verbose=0), 2)
    found = np.concatenate(found, axis=1)
    support.close([found], support.expected(whole, x), atol)


@pytest.mark.skipif(
    support.BACKEND == "jax", reason="`fit` in JAX carries no layer's states"
)
def test_stateful_training(rng):
    """Two batches: the second starts where the first ended, with new weights."""
    layer = stateful(support.make("indylstm", rng))
    model = keras.Sequential([keras.Input(batch_shape=(BATCH, STEPS, FEATURES)), layer])
    model.compile("sgd", "mse")
    x = support.floats(rng, 2 * BATCH, STEPS, FEATURES)
    y = support.floats(rng, 2 * BATCH, UNITS)
    fit = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    model.fit(x[:BATCH], y[:BATCH], **fit)
    weights = support.arrays([w.value for w in layer.trainable_weights])
    carried = support.arrays([s.value for s in layer.states])
    assert all(np.abs(s).max() > 0.01 for s in carried)
    history = model.fit(x[BATCH:], y[BATCH:], **fit).history
    found = support.expected(layer, x[BATCH:], carried, weights)[0]
    wanted = np.mean((found - y[BATCH:]) ** 2)
    np.testing.assert_allclose(history["loss"], [wanted], rtol=1e-5)


def test_stateful_needs_a_fixed_batch():
    with pytest.raises(ValueError, match="batch size must be static"):
        slim_keras.LSTM6(UNITS, stateful=True).build((None, STEPS, FEATURES))
