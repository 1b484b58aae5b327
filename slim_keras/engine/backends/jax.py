"""The engine's operations in JAX; `Backend` documents them."""

import functools
import warnings

import jax
import jax.numpy as jnp
import jaxlib
from jax import lax

from slim_keras.engine.backends.common import (
    length as length,
    opaque as opaque,
    outer as outer,
    shaped as shaped,
    sigmoid_pull as sigmoid_pull,
    steps as steps,
    tanh_pull as tanh_pull,
    tensor as tensor,
)
from slim_keras.equations import add_product as add_product

if jaxlib.__version__ == "0.11.1":
    warnings.warn(
        "jaxlib 0.11.1 on a CPU runs long sequences in time that grows with the square "
        "of their length. Install another version of jax and jaxlib.",
        stacklevel=2,
    )

_NO_FORWARD_MODE = (
    "`engine='scan'` and `engine='kernel'` have no forward mode (`jax.jvp`). Build the "
    "layer with `engine='loop'`."
)

tanh = jnp.tanh
sigmoid = jax.nn.sigmoid
relu = jax.nn.relu
where = jnp.where
zeros_like = jnp.zeros_like
transpose = jnp.transpose


def unit_clip(x):
    return jnp.clip(x, 0, 1)


def cast(x, dtype):
    return x.astype(dtype)


def join(arrays):
    return arrays[0] if len(arrays) == 1 else jnp.concatenate(arrays, axis=-1)


def column_sums(x):
    return jnp.sum(x, axis=tuple(range(x.ndim - 1)))


def shifted(first, stack):
    return jnp.concatenate([first[None], stack[:-1]])


def recorded():
    return False  # what reads JAX' operators knows gradients that are made by hand


def previous(stack, t, first, function=lambda x: x):
    row = lax.dynamic_index_in_dim(stack, jnp.maximum(t - 1, 0), keepdims=False)
    return jnp.where(t > 0, function(row), first)


def pull_of(function):
    def pull(x, y, dy):
        return jax.vjp(function, x)[1](dy)[0]

    return pull


@functools.lru_cache(maxsize=256)
def elementwise(function):
    """Whether every value depends on its own input alone, as softmax's do not.

    And on no array that the function holds, which a kernel cannot.
    """
    with jax.ensure_compile_time_eval():  # also where a caller is being traced
        x = jnp.array([[2.0, 0.7], [0.2, -1.5]])
        if _holds_arrays(function, x):
            return False
        slopes = jax.jacobian(function)(x)
        if slopes.shape != (2, 2, 2, 2):
            return False
        return not jnp.any(slopes.reshape(4, 4) * (1 - jnp.eye(4)))


def _holds_arrays(function, x):
    try:
        return bool(jax.make_jaxpr(function)(x).consts)
    except (TypeError, ValueError):  # of another shape than two units
        return True


def iterate(step, carry, rows, count, reverse=False, unroll=1):
    def body(carry, at):
        return step(carry, *at)

    every = (jnp.arange(count), rows)
    return lax.scan(body, carry, every, reverse=reverse, unroll=unroll)


def differentiable(forward, backward, needed, training):
    @jax.custom_vjp
    def run(*arrays):
        return forward(arrays, keep=False)[0]

    def ahead(*arrays):
        outputs, kept = forward(arrays, keep=True)
        saved = [a if n else None for a, n in zip(arrays, needed, strict=True)]
        return outputs, (saved, kept)

    run.defvjp(ahead, lambda residuals, gradients: backward(*residuals, gradients))
    compiled = jax.jit(run)

    def checked(*arrays):
        try:
            return compiled(*arrays)
        except TypeError as error:  # JAX has no class for it
            if "forward-mode" not in str(error):
                raise
            raise TypeError(_NO_FORWARD_MODE) from error

    return checked
