"""A whole sequence as one compiled pass: what comes before and after the steps.

The products of all inputs are made before the steps, which add the recurrent terms.
Passes are compiled once per plan and found again.
"""

import functools

import keras
from keras import ops

from slim_keras.engine import trees
from slim_keras.engine.backends import backend
from slim_keras.engine.derivatives import Function
from slim_keras.engine.kernels import Kernel
from slim_keras.engine.passes import Given, Plan, backward, forward
from slim_keras.engine.sweep import sweep


def _run(
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
    kernel=None,
    unroll=1,
    export=None,
):
    """Runs a cell over a whole sequence, as `keras.layers.RNN.inner_loop` does.

    Args:
        cell: A `SlimCell`.
        sequences: Inputs, `(batch, steps, features)`.
        initial_state: List of the first states, `(batch, units)` each.
        mask: Booleans `(batch, steps)`, true where a step counts, or `None`.
        recurrent_drop: Factors on h_{t-1}, `(batch, units)`, or `None`.
        go_backwards: Whether to start from the end.
        return_sequences: Whether the outputs of all steps are wanted.
        zero_output_for_mask: Whether masked steps put out zeros.
        training: Whether a gradient is expected; one may be asked for without it.
        kernel: The `Kernel` that runs all steps at once, or `None`.
        unroll: Steps that the time loop takes at once; 1 on PyTorch.
        export: The time loop of a pass that is neither compiled nor given a gradient,
            or `None`.

    Returns:
        The last output, the outputs `(batch, steps, units)` (the last alone, with one
        step, without `return_sequences`), and the list of last states.
    """
    batch, steps = ops.shape(sequences)[:2]
    inputs = ops.transpose(sequences, (1, 0, 2))
    masked = None
    if mask is not None:
        masked = ops.expand_dims(ops.transpose(mask), axis=-1)
    if go_backwards:
        inputs = ops.flip(inputs, axis=0)
        masked = None if masked is None else ops.flip(masked, axis=0)
    # A plain pass is not compiled, so that its length need not serve others.
    length = backend.length(steps) if export is None else steps
    counted = masked
    if length is not steps:
        inputs, counted = _longer(inputs, masked, length - steps)

    from_inputs = kernel is not None and kernel.takes_inputs(cell, inputs)
    given = Given(
        inputs=ops.cast(inputs, cell.compute_dtype),
        h=initial_state[0],
        c=initial_state[1] if cell.variant.memory else None,
        mask=counted,
        drop=recurrent_drop,
        recurrent_kernel=_weight(cell, cell.recurrent_kernel),
        recurrent_vector=_weight(cell, cell.recurrent_vector),
        bias=_weight(cell, cell.bias),
        kernel=_weight(cell, cell.kernel),
    )
    given = trees.transform(
        lambda array: backend.tensor(ops.convert_to_tensor(array)), given
    )
    plan = Plan(
        step=cell.equations(Function),
        masked=counted is not None,
        dropped=recurrent_drop is not None,
        biased=cell.bias is not None,
        units=cell.units,
        sequence=return_sequences,
        dtype=keras.backend.standardize_dtype(cell.compute_dtype),
        fused=kernel is not None,
        from_inputs=from_inputs,
        kernel=cell.kernel is not None,
    )
    if export is None:
        result = _pass(plan, bool(training), kernel, unroll)(*trees.flatten(given))
    else:
        plain = functools.partial(sweep, iterate=export)
        result, _ = forward(plan, given, keep=False, sweep=plain)
    shape = (batch, cell.units)
    states = [backend.shaped(x, shape) for x in result[: len(cell.state_size)]]
    if return_sequences:
        outputs = backend.shaped(result[-1], (length, *shape))[:steps]
    else:
        outputs = ops.expand_dims(states[0], axis=0)
    if masked is not None:
        outputs = _masked_outputs(
            outputs, masked, zero_output_for_mask, return_sequences
        )
    outputs = ops.transpose(outputs, (1, 0, 2))
    return outputs[:, -1], outputs, states


_hidden = backend.opaque(_run)


def run(*args, kernel=None, **settings):
    """`_run`, into which a compiler that traces does not look where a kernel runs."""
    return (_run if kernel is None else _hidden)(*args, kernel=kernel, **settings)


def _longer(inputs, mask, more):
    """Inputs and mask with more steps at the end, none of which counts."""
    steps, batch, features = ops.shape(inputs)
    if mask is None:
        mask = ops.ones((steps, batch, 1), dtype="bool")
    inputs = [inputs, ops.zeros((more, batch, features), dtype=inputs.dtype)]
    mask = [mask, ops.zeros((more, batch, 1), dtype="bool")]
    return ops.concatenate(inputs, axis=0), ops.concatenate(mask, axis=0)


def _weight(cell, variable):
    """The value of a weight in the dtype that the cell computes in.

    Keras casts it so unless a layer around computes in another one.
    """
    return None if variable is None else ops.cast(variable, cell.compute_dtype)


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
def _pass(plan: Plan, training: bool, kernel: Kernel | None, unroll: int):
    """The compiled pass: the arrays of a `Given` -> last states, outputs."""
    run_steps = kernel.sweep if kernel else functools.partial(sweep, flat=plan.flat)
    if unroll > 1:
        iterate = functools.partial(backend.iterate, unroll=unroll)
        run_steps = functools.partial(run_steps, iterate=iterate)
    form = plan.form

    def ahead(arrays, keep):
        given = trees.rebuild(form, arrays)
        return forward(plan, given, keep=keep, sweep=run_steps)

    def back(arrays, kept, gradients, wanted=None):
        given = trees.rebuild(form, arrays)
        to_inputs = wanted is None or bool(trees.rebuild(form, wanted).inputs)
        found = backward(plan, given, kept, gradients, run_steps, to_inputs)
        return plan.aligned(found)

    return backend.differentiable(ahead, back, plan.needed, training)
