"""Layers with random weights, gradients on the backend in use, comparisons."""

import keras
import numpy as np
from keras import ops

import slim_keras
from slim_keras.variants import VARIANTS
from tests.slim_keras import oracle

BACKEND = keras.config.backend()
KEYS = tuple(oracle.VARIANTS)
BATCH, STEPS, FEATURES, UNITS = 3, 6, 3, 4

# float32 on values of order 1, after a few tens of operations.
CLOSE = 1e-5

# On these backends Keras' loop puts out zeros up to the first step that counts, on
# JAX h_0; the engine does what Keras does.
STARTS_WITH_ZEROS = BACKEND != "jax"


# What "auto" is on this backend, on a CPU.
AUTO = "kernel" if BACKEND == "torch" else "scan"


def runs(*keys, engines=("scan", "kernel", "loop")):
    """The pairs of engine and variant that run on this backend."""
    kernels = {
        "jax": [key for key in keys if VARIANTS[key].pointwise],
        "torch": keys,
    }.get(BACKEND, ())
    return [
        (engine, key)
        for engine in engines
        for key in keys
        if engine != "kernel" or key in kernels
    ]


def floats(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def randomise(layer, rng):
    """Weights of order 0.5, so that no gate is idle and no activation saturates."""
    layer.set_weights([0.5 * floats(rng, *w.shape) for w in layer.get_weights()])
    return layer


def make(key, rng, *, units=UNITS, features=FEATURES, **arguments):
    """A built layer of a variant with random weights."""
    layer = slim_keras.get(key)(units, **arguments)
    layer.build((None, None, features))
    return randomise(layer, rng)


def sequential(*layers, shape=(None, FEATURES), **arguments):
    """A model of layers one after the other, for inputs of a shape."""
    return keras.Sequential([keras.Input(shape, **arguments), *layers])


def uncompiled(model):
    """The model, which predicts without XLA: that takes long over many loops."""
    model.compile(jit_compile=False)
    return model


def twin(layer, **changes):
    """A layer with the same weights and other arguments."""
    copy = type(layer).from_config(layer.get_config() | changes)
    copy.build((None, None, layer.cell.kernel.shape[0]))
    copy.set_weights(layer.get_weights())
    return copy


def states(layer, rng, batch=BATCH):
    return [floats(rng, batch, n) for n in layer.cell.state_size]


def mask(rng, batch=BATCH, steps=STEPS):
    """Holes at random; a row without a step that counts; one that starts late."""
    chosen = rng.random((batch, steps)) > 0.3
    chosen[0] = False
    chosen[-1, :2] = False
    chosen[-1, 2] = True
    return chosen


def with_masks(layer):
    """A layer of Keras that passes masks on, which Keras 3.16 has to be told."""
    layer.supports_masking = True
    return layer


def tensor(array):
    return None if array is None else ops.convert_to_tensor(array)


def arrays(tensors):
    """Everything in a nest of tensors as a flat list of NumPy arrays, copied."""
    return [np.array(ops.convert_to_numpy(t)) for t in keras.tree.flatten(tensors)]


def outputs(layer, x, **call):
    """What a layer returns, as a flat list of NumPy arrays."""
    return arrays(layer(tensor(x), **call))


def gradients(layer, x, dy, initial_state=None, **call):
    """Outputs, and gradients of sum(outputs * dy).

    Args:
        layer: A layer or model with one input.
        x: The input.
        dy: One array per output.
        initial_state: List of arrays, passed on if given.
        call: Passed on.

    Returns:
        Outputs, and the gradients by the trainable weights, the input and the
        states, in this order, as lists of NumPy arrays.
    """
    given = [x, *(initial_state or [])]
    differentiate = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[BACKEND]
    variables = layer.trainable_variables

    def loss(run, given, dy):
        x, *states = given
        y = keras.tree.flatten(
            run(x, initial_state=states, **call) if states else run(x, **call)
        )
        total = sum(ops.sum(a * d) for a, d in zip(y, dy, strict=True))
        return total, y

    found, y = differentiate(layer, loss, variables, given, dy)
    return arrays(y), arrays(found)


def _tensorflow(layer, loss, variables, given, dy):
    import tensorflow as tf

    given = [tf.constant(a) for a in given]
    variables = [v.value for v in variables]
    with tf.GradientTape() as tape:
        tape.watch(given)
        total, y = loss(layer, given, dy)
    return tape.gradient(total, variables + given), y


def _jax(layer, loss, variables, given, dy):
    import jax

    fixed = [v.value for v in layer.non_trainable_variables]

    def total(values, given):
        def run(*args, **kwargs):
            return layer.stateless_call(values, fixed, *args, **kwargs)[0]

        return loss(run, given, dy)

    # Jitted because it compiles once, where eager JAX compiles every operation.
    values = [v.value for v in variables]
    return jax.jit(jax.grad(total, (0, 1), has_aux=True))(values, given)


def _torch(layer, loss, variables, given, dy):
    import torch

    given = [torch.tensor(a, requires_grad=True) for a in given]
    total, y = loss(layer, given, [torch.tensor(d) for d in dy])
    found = torch.autograd.grad(total, [v.value for v in variables] + given)
    return found, [a.detach() for a in y]


def expected(layer, x, initial_state=None, weights=None, mask=None):
    """What the oracle gives for a layer's settings."""
    settings = {
        name: getattr(layer, name)
        for name in ("return_sequences", "go_backwards", "zero_output_for_mask")
    }
    found = oracle.run(
        layer.variant.key,
        layer.get_weights() if weights is None else weights,
        x,
        initial_state or (),
        mask=mask,
        starts_with_zeros=STARTS_WITH_ZEROS,
        activation=_name(layer.activation),
        recurrent_activation=_name(getattr(layer, "recurrent_activation", None)),
        forget=getattr(layer, "forget", None),
        **settings,
    )
    return found if layer.return_state else found[:1]


def _name(function):
    return "sigmoid" if function is None else function.__name__


def expected_gradients(layer, x, dy, initial_state=None, mask=None):
    """The oracle's gradients by weights, input and states."""
    weights = [w.astype("float64") for w in layer.get_weights()]

    def function(arrays):
        found, (x, *states) = arrays[: len(weights)], arrays[len(weights) :]
        return expected(layer, x, states, found, mask)

    return oracle.gradients(function, [*weights, x, *(initial_state or [])], dy)


def slopes(layer, rng, batch=BATCH, steps=STEPS):
    """A gradient at each output of a layer."""
    per_step = (steps,) if layer.return_sequences else ()
    states = layer.cell.state_size if layer.return_state else ()
    shapes = [(*per_step, layer.units), *((n,) for n in states)]
    return [floats(rng, batch, *shape) for shape in shapes]


def is_the_oracle(layer, x, dy, initial_state=None, mask=None, **call):
    """Asserts that a layer has the oracle's values and gradients."""
    y, found = gradients(layer, x, dy, initial_state, mask=tensor(mask), **call)
    close(y, expected(layer, x, initial_state, mask=mask))
    close(found, expected_gradients(layer, x, dy, initial_state, mask))


def are_alike(layer, other, x, dy, atol=CLOSE, **call):
    """Asserts that two layers have the same values and gradients."""
    pair = (gradients(each, x, dy, **call) for each in (layer, other))
    for found, wanted in zip(*pair, strict=True):
        close(found, wanted, atol)


def close(found, wanted, atol=CLOSE):
    """Asserts that two lists of arrays have the same shapes and close values."""
    assert [a.shape for a in found] == [b.shape for b in wanted]
    for k, (a, b) in enumerate(zip(found, wanted, strict=True)):
        rtol = 1e-6 if atol else 0  # sums of many terms are large
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=f"array {k}")
