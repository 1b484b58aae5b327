"""The engine's operations in JAX; `Backend` documents them."""

import functools
import warnings

import jax
import jax.numpy as jnp
import jaxlib
from jax import lax

from slim_keras.engine import trees
from slim_keras.engine.backends.common import (
    length as length,
    opaque as opaque,
    outer as outer,
    product as product,
    shaped as shaped,
    sigmoid_pull as sigmoid_pull,
    steps as steps,
    tanh_pull as tanh_pull,
    tensor as tensor,
)
from slim_keras.engine.places import (
    Output,
    beside as beside,
    instead as instead,
    output,
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
    row = _row(stack, jnp.maximum(t - 1, 0))
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


@trees.on_lists
def iterate(step, carry, rows, count, reverse, unroll=1):
    outputs: list[Output] = []
    places: list[int | None] = []

    def trial(carry, row):
        outputs.extend(output(x) for x in step(carry, 0, row)[1])
        places.extend(x.place(row) for x in outputs)
        return [x.parts for x in outputs]

    first = [jax.ShapeDtypeStruct(row.shape[1:], row.dtype) for row in rows]
    like = jax.eval_shape(trial, carry, first)
    # Stacks that the loop carries, to write to them in place.
    held = {}
    for k, (place, parts) in enumerate(zip(places, like, strict=True)):
        if place is not None:
            held[k] = rows[place]
        elif len(parts) > 1:
            units = outputs[k].units
            shape = (count, parts[0].size // units, len(parts) * units)
            held[k] = jnp.zeros(shape, parts[0].dtype)

    def body(state, at):
        carry, held = state
        t, row = at
        row = row | {j: _row(held[k], t) for k, j in enumerate(places) if j is not None}
        carry, new = step(carry, t, [row[j] for j in range(len(rows))])
        new = [output(x) for x in new]
        held = {k: _written(stack, t, new[k]) for k, stack in held.items()}
        own = {k: x.parts[0] for k, x in enumerate(new) if k not in held}
        return (carry, held), own

    others = {j: row for j, row in enumerate(rows) if j not in places}
    every = (jnp.arange(count), others)
    (carry, held), own = lax.scan(
        body, (carry, held), every, reverse=reverse, unroll=unroll
    )
    stacks = own | held
    return carry, [stacks[k] for k in range(len(stacks))]


def _row(stack, t):
    return lax.dynamic_index_in_dim(
        stack, t, keepdims=False, allow_negative_indices=False
    )


def _written(stack, t, new):
    """The stack with what a step puts out as its row t."""
    for k, part in enumerate(new.parts):
        part = part.reshape(1, *stack.shape[1:-1], -1)
        start = (t, *[0] * (stack.ndim - 2), k * new.units)
        stack = lax.dynamic_update_slice(
            stack, part, start, allow_negative_indices=False
        )
    return stack


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
