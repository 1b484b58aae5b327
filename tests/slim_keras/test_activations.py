"""Activations with derivatives by hand, others differentiated for us, and forget."""

import keras
import numpy as np
import pytest
from keras import ops

from slim_keras.activations import hard_sigmoid_keras2
from tests.slim_keras import support
from tests.slim_keras.support import BATCH, FEATURES, STEPS


def problem(layer, rng):
    """Everything at once: a mask, states, gradients at outputs and states."""
    x = support.floats(rng, BATCH, STEPS, FEATURES)
    dy = support.slopes(layer, rng)
    return x, dy, support.states(layer, rng), support.mask(rng)


def layer(key, rng, **arguments):
    return support.make(key, rng, return_sequences=True, return_state=True, **arguments)


def rounding(gradients):
    """Where nothing bounds c, gradients grow, and with them the rounding."""
    return support.CLOSE * max(1.0, *(np.abs(g).max() for g in gradients))


def label(activation):
    return getattr(activation, "__name__", str(activation))


BY_HAND = [None, "sigmoid", "relu", "hard_sigmoid", hard_sigmoid_keras2]


@pytest.mark.parametrize(
    ("key", "activation"),
    [
        # As gates and between them; without gates c tells a smooth body's value.
        *[("lstm11", activation) for activation in BY_HAND],
        *[("lstm_c6", activation) for activation in BY_HAND[1:4]],
    ],
    ids=label,
)
def test_derivatives_by_hand(key, activation, rng):
    gate = {"recurrent_activation": activation} if key == "lstm11" else {}
    check(layer(key, rng, activation=activation, **gate), rng)


@pytest.mark.parametrize(("key", "forget"), [("lstm5a", -0.5), ("lstm_c6", 0)])
def test_constant_forget_gates(key, forget, rng):
    check(layer(key, rng, forget=forget), rng)


def check(chosen, rng):
    """Values and gradients against the oracle's."""
    x, dy, states, mask = problem(chosen, rng)
    y, found = support.gradients(chosen, x, dy, states, mask=support.tensor(mask))
    support.close(y, support.expected(chosen, x, states, mask=mask))
    wanted = support.expected_gradients(chosen, x, dy, states, mask)
    support.close(found, wanted, rounding(wanted))


def unheard_of(x):
    return ops.exp(-ops.square(x)) * ops.sin(2.0 * x)


def without_slope(x):
    return ops.cast(x > 0, x.dtype)


@pytest.mark.parametrize(
    ("key", "arguments"),
    [
        ("lstm5", {"activation": "gelu", "recurrent_activation": "softmax"}),
        ("lstm6", {"activation": unheard_of}),
        ("lstm11", {"recurrent_activation": without_slope}),
    ],
    ids=["lstm5", "lstm6", "without slope"],
)
def test_derivatives_by_the_backend(key, arguments, rng):
    """Against Keras' loop, which differentiates everything by itself."""
    scan = layer(key, rng, engine="scan", **arguments)
    loop = layer(key, rng, engine="loop", **arguments)
    loop.set_weights(scan.get_weights())
    x, dy, states, mask = problem(scan, rng)
    call = {"initial_state": states, "mask": support.tensor(mask)}
    found, wanted = (support.gradients(each, x, dy, **call) for each in (scan, loop))
    support.close(found[0], wanted[0])
    support.close(found[1], wanted[1], rounding(wanted[1]))


def test_hard_sigmoid_of_keras_2():
    x = np.linspace(-4, 4, 33, dtype="float32")
    found = support.arrays(hard_sigmoid_keras2(support.tensor(x)))[0]
    np.testing.assert_allclose(found, np.clip(0.2 * x + 0.5, 0, 1), atol=1e-7)
    name = keras.activations.serialize(hard_sigmoid_keras2)
    assert keras.activations.get(name) is hard_sigmoid_keras2
