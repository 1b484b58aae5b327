"""The scan engine: hoisted input products, the smallest loop, a gradient of its own.

The products of all inputs are made before the loop, which then adds the recurrent
terms. Passes are compiled once per plan and found again.
"""

import functools
from collections.abc import Callable

import keras
from keras import ops

from slim_keras.engine.backends import primitives
from slim_keras.engine.backward import backward
from slim_keras.engine.derivatives import pulled
from slim_keras.engine.forward import forward
from slim_keras.engine.loop import loop
from slim_keras.engine.plan import Plan


def run(
    cell,
    sequences,
    initial_state,
    mask,
    recurrent_drop,
    *,
    go_backwards,
    return_sequences,
    zero_output_for_mask,
    training,
    fused=False,
    unroll=1,
    plain_scan=None,
):
    """Runs a cell over a whole sequence, as `keras.layers.RNN.inner_loop` does.

    Args:
        cell: A `SlimCell`.
        sequences: Inputs, `(batch, steps, features)`.
        initial_state: List of the first states, `(batch, units)` each.
        mask: `(batch, steps)`, true where a step counts, or `None`.
        recurrent_drop: Factors on h_{t-1}, `(batch, units)`, or `None`.
        go_backwards: Whether to start from the end.
        return_sequences: Whether the outputs of all steps are wanted.
        zero_output_for_mask: Whether masked steps put out zeros.
        training: Whether a gradient is expected; one may be asked for without it.
        fused: Whether to run the loop as one kernel, by `engine.pallas`.
        unroll: Steps that the loop takes at once; on JAX alone it may be more than 1.
        plain_scan: The loop of a pass that is neither compiled nor given a gradient,
            in the place of that which is.

    Returns:
        The last output, the outputs `(batch, steps, units)` (the last alone, with one
        step, without `return_sequences`), and the list of last states.
    """
    batch, steps = ops.shape(sequences)[:2]
    inputs = ops.transpose(sequences, (1, 0, 2))
    masked = None
    if mask is not None:
        mask = keras.tree.flatten(mask)[0]
        # One row may serve the whole batch, as in Keras' loop.
        rows = ops.broadcast_to(ops.reshape(mask, (-1, steps)), (batch, steps))
        masked = ops.expand_dims(ops.transpose(ops.cast(rows, "bool")), axis=-1)
    if go_backwards:
        inputs = ops.flip(inputs, axis=0)
        masked = None if masked is None else ops.flip(masked, axis=0)
    length, counted = primitives.length(steps), masked
    if length is not steps:
        inputs, counted = _longer(inputs, masked, length - steps)

    arrays = _products(cell, inputs, (length, batch, cell.units)) | {
        "h": initial_state[0],
        "c": initial_state[1] if cell.variant.memory else None,
        "mask": counted,
        "drop": recurrent_drop,
        "recurrent_kernel": cell.recurrent_kernel,
        "recurrent_vector": cell.recurrent_vector,
        "bias": cell.bias,
    }
    arrays = {
        name: primitives.tensor(ops.convert_to_tensor(array))
        for name, array in arrays.items()
        if array is not None
    }
    plan = Plan(
        equations=cell.equations(pulled, add_product=primitives.add_product),
        given=tuple(arrays),
        units=cell.units,
        sequence=return_sequences,
        dtype=keras.backend.standardize_dtype(cell.compute_dtype),
        fused=fused,
    )
    if plain_scan is None:
        result = _pass(plan, bool(training), unroll)(*arrays.values())
    else:
        plain = functools.partial(loop, scan=plain_scan)
        result, _ = forward(plan, tuple(arrays.values()), keep=False, loop=plain)
    h, states = result[0], list(result[: len(cell.state_size)])
    outputs = result[-1] if return_sequences else ops.expand_dims(h, axis=0)
    if return_sequences and length is not steps:
        outputs = outputs[:steps]
    if masked is not None:
        outputs = _masked_outputs(
            outputs, masked, zero_output_for_mask, return_sequences
        )
    outputs = ops.transpose(outputs, (1, 0, 2))
    return outputs[:, -1], outputs, states


def _longer(inputs, mask, more):
    """Inputs and mask with more steps at the end, none of which counts."""
    steps, batch, features = ops.shape(inputs)
    if mask is None:
        mask = ops.ones((steps, batch, 1), dtype="bool")
    inputs = [inputs, ops.zeros((more, batch, features), dtype=inputs.dtype)]
    mask = [mask, ops.zeros((more, batch, 1), dtype="bool")]
    return ops.concatenate(inputs, axis=0), ops.concatenate(mask, axis=0)


def _products(cell, inputs, shape):
    """W x_t of every block that sees the input, for all steps at once.

    A product per block: the loop then reads and writes whole rows, and its gradients
    are never joined.
    """
    part, blocks = cell.variant.part, cell.variant.having("W")
    if cell.kernel is None:  # the input is the products, side by side
        return {f"W {k}": part(inputs, "W", k) for k in blocks}
    kernel = ops.cast(cell.kernel, cell.compute_dtype)
    # Flat, because the gradient of a product of rank 3 sums over steps in a loop.
    flat = ops.reshape(inputs, (-1, kernel.shape[0]))
    flat = ops.cast(flat, cell.compute_dtype)
    # By `@`, as Keras' product in PyTorch rounds float64 to float32.
    return {f"W {k}": ops.reshape(flat @ part(kernel, "W", k), shape) for k in blocks}


def _masked_outputs(outputs, mask, zero_output_for_mask, return_sequences):
    """What Keras' loop puts out at masked steps, given h carried over them."""
    if zero_output_for_mask:
        counts = mask if return_sequences else mask[-1:]
    elif keras.backend.backend() == "jax":
        return outputs
    elif return_sequences:
        # On these backends Keras' loop puts out zeros, not h_0, up to the first
        # step that counts.
        counts = ops.cumsum(ops.cast(mask, "int32"), axis=0) > 0
    else:
        counts = ops.any(mask, axis=0, keepdims=True)
    return ops.where(counts, outputs, ops.zeros_like(outputs))


@functools.lru_cache(maxsize=256)
def _pass(plan: Plan, training: bool, unroll: int):
    """The compiled pass: the arrays of `plan.given` -> last states, outputs."""
    run_loop: Callable = loop
    if plan.fused:
        from slim_keras.engine.kernels.pallas import loop as run_loop
    elif unroll > 1:
        scan = functools.partial(primitives.scan, unroll=unroll)
        run_loop = functools.partial(loop, scan=scan)
    return primitives.differentiable(
        functools.partial(forward, plan, loop=run_loop),
        functools.partial(backward, plan, loop=run_loop),
        plan.needed,
        training,
    )
