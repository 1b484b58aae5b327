"""The least time a training step of a layer can take: its products and activations.

The matrix products, forward and back, each as one product over all steps, and one pass
of each activation over all steps, compiled on the backend in use. No recurrence can run
like this: what a layer takes beyond its floor is the price of the recurrence.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def calls(
    key: str, batch: int, steps: int, features: int, units: int, rng: Any
) -> dict[str, Callable[[], Any]]:
    """Calls whose times add up to the floor of a variant.

    Returns:
        The calls by name; each waits for its result.
    """
    from keras import ops

    from slim_keras.variants import VARIANTS

    row = VARIANTS[key]
    rows = batch * steps

    def array(*shape):
        return ops.convert_to_tensor(rng.normal(size=shape).astype("float32"))

    products = [
        (array(rows, size), array(size, width * units), array(rows, width * units))
        for size, width in (
            (features, len(row.having("W"))),
            (units, len(row.matrix_blocks)),
        )
        if width
    ]

    def multiply(products):
        return [
            result
            for x, w, dz in products
            for result in (
                ops.matmul(x, w),
                ops.matmul(dz, ops.transpose(w)),
                ops.matmul(ops.transpose(x), dz),
            )
        ]

    gates = [array(rows, units) for block in row.blocks if block != "c"]
    # The body and the output; a linear body has no activation.
    cell = [array(rows, units) for _ in range(1 if row.linear_body else 2)]
    squash = ops.relu if row.linear_body else ops.tanh

    def activate(arrays):
        gates, cell = arrays
        return [ops.sigmoid(x) for x in gates] + [squash(x) for x in cell]

    return {
        "floor of products": _waiting(multiply, products),
        "floor of activations": _waiting(activate, (gates, cell)),
    }


def _waiting(function: Callable, argument: Any) -> Callable[[], Any]:
    """The compiled function; it waits for its result."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        compiled = tf.function(function, jit_compile=True)
        # TensorFlow on a CPU returns when the compiled function is done.
        return lambda: [np.asarray(x[:1]) for x in compiled(argument)]
    if keras.backend.backend() == "jax":
        import jax

        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(argument))
    return lambda: function(argument)
