"""Sequences whose length TensorFlow does not know before it comes."""

import pytest
from hypothesis import given, strategies as st

from tests.slim_keras import support
from tests.slim_keras.support import BACKEND, FEATURES

if BACKEND != "tensorflow":
    pytest.skip("other backends know every length", allow_module_level=True)

import tensorflow as tf

from slim_keras.engine import scan
from slim_keras.engine.backends import backend


class Unknown:
    """A layer in a graph that knows neither the length nor the batch."""

    def __init__(self, layer):
        self.trainable_variables = layer.trainable_variables
        self._call = tf.function(
            lambda x, mask, *states: layer(x, mask=mask, initial_state=list(states)),
            autograph=False,
        )

    def __call__(self, x, mask, initial_state):
        free = (None, None)
        shapes = [
            tf.TensorSpec((*free, FEATURES)),
            None if mask is None else tf.TensorSpec(free, "bool"),
            *(tf.TensorSpec((None, s.shape[1])) for s in initial_state),
        ]
        graph = self._call.get_concrete_function(*shapes)
        assert graph.structured_outputs[0].shape[1:-1] in ((), (None,))
        return graph(*(a for a in (x, mask, *initial_state) if a is not None))


@pytest.mark.parametrize(
    ("key", "masked", "steps", "arguments"),  # 13 is made longer
    [
        ("lstm6", True, 13, {}),
        ("lstm6", True, 13, {"return_sequences": True, "go_backwards": True}),
        ("lstm6", True, 13, {"return_sequences": True, "zero_output_for_mask": True}),
        ("indrnn", False, 13, {}),
        ("indrnn", False, 13, {"return_sequences": True, "go_backwards": True}),
        ("indrnn", True, 8, {"return_sequences": True}),
    ],
)
def test_an_unknown_length_changes_nothing(key, masked, steps, arguments, rng):
    layer = support.make(key, rng, return_state=True, **arguments)
    x = support.floats(rng, support.BATCH, steps, FEATURES)
    call = {
        "initial_state": support.states(layer, rng),
        "mask": support.tensor(support.mask(rng, steps=steps)) if masked else None,
    }
    dy = support.slopes(layer, rng, steps=steps)
    support.are_alike(Unknown(layer), layer, x, dy, **call)


@pytest.mark.parametrize(("steps", "length"), [(8, 8), (13, 14), (29, 32)])
def test_the_pass_has_one_of_few_lengths(steps, length, rng, monkeypatch):
    seen = []
    compiled = scan._pass

    def look(*args):
        def run(*arrays):
            tf.numpy_function(lambda a: seen.append(len(a)), [arrays[0]], [])
            return compiled(*args)(*arrays)

        return run

    monkeypatch.setattr(scan, "_pass", look)
    layer = support.make("lstm_c6", rng)
    x = support.tensor(support.floats(rng, 2, steps, FEATURES))
    for shape in ((None, None, FEATURES), (None, steps, FEATURES)):
        call = tf.function(layer, autograph=False)
        call.get_concrete_function(tf.TensorSpec(shape))(x)
    layer(x)
    assert seen == [length, steps, length]


@given(st.integers(1, 10**6))
def test_few_lengths_none_of_them_much_longer(steps):
    length = int(backend.length(tf.constant(steps)))
    assert steps <= length < 1.25 * steps + 1
    assert int(backend.length(tf.constant(length))) == length
    assert backend.length(steps) == length  # in a direct call


def test_four_lengths_from_a_power_of_two_to_the_next():
    lengths = {int(backend.length(tf.constant(t))) for t in range(257, 513)}
    assert lengths == {320, 384, 448, 512}
    assert int(backend.length(tf.constant(0))) == 0
