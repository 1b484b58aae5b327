"""One sweep over all steps of a sequence, by the backend's time loop.

A kernel is another function with the signature of `sweep`.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops

from slim_keras.engine import trees
from slim_keras.engine.backends import backend


@dataclass(frozen=True)
class Unmade:
    """A row that a kernel makes itself, step by step: `inputs @ weight`.

    Attributes:
        inputs: `(steps, batch, features)`.
        weight: `(features, units)`.
    """

    inputs: Any
    weight: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.inputs.shape[:2], self.weight.shape[1])


def sweep(
    build: Callable,
    fixed: Any,
    rows: Any,
    earlier: Any = (),
    reverse: bool = False,
    iterate: Callable | None = None,
    flat: bool = False,
) -> tuple[Any, Any]:
    """Runs all steps.

    Args:
        build: `(operations, fixed) -> step, carry`, where carry is the one before the
            first step and `step(carry, row, before) -> carry, stacked`. `before` has
            for each array of `earlier` a function `(first, function)` that gives
            `function(array[t - 1])`, or `first` at t = 0.
        fixed: Nest of arrays that all steps share, of rank 2 at most.
        rows: Nest of arrays `(steps, ...)`, of which a step sees its row.
        earlier: Nest of arrays `(steps, ...)`, of which a step sees the row before.
        reverse: Whether to start from the last step.
        iterate: The time loop, by default the backend's.
        flat: Whether steps see examples and units as one axis. A compiler makes vector
            instructions of a row, whose end is no multiple of them, if it has many rows
            of units; for a step that multiplies no matrix one row will do.

    Returns:
        The last carry, and the stacks of what the steps put out.
    """
    if flat:
        batch, units = ops.shape(trees.flatten(fixed)[0])
        fixed, rows, earlier = trees.transform(
            lambda x: _merged(x, batch, units), (fixed, rows, earlier)
        )
        carry, stacks = sweep(build, fixed, rows, earlier, reverse, iterate)
        shape = (batch, units)
        return trees.transform(lambda x: ops.reshape(x, shape), carry), trees.transform(
            lambda x: ops.reshape(x, (-1, *shape)) if len(x.shape) == 2 else x, stacks
        )
    step, start = build(backend, fixed)

    def body(carry, t, row):
        before = trees.transform(
            lambda stack: functools.partial(backend.previous, stack, t), earlier
        )
        return step(carry, row, before)

    count = backend.steps(trees.flatten((rows, earlier))[0])
    return (iterate or backend.iterate)(body, start, rows, count, reverse=reverse)


def _merged(x: Any, batch: Any, units: Any) -> Any:
    """x with its last axes, made `(batch, units)`, as one."""
    first = tuple(ops.shape(x)[:-2])
    x = ops.broadcast_to(x, (*first, batch, units))
    return ops.reshape(x, (*first, batch * units))
