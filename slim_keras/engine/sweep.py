"""One sweep over all steps of a sequence, by the backend's time loop.

A kernel is another function with the signature of `sweep`.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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

    Returns:
        The last carry, and the stacks of what the steps put out.
    """
    step, start = build(backend, fixed)

    def body(carry, t, row):
        before = trees.transform(
            lambda stack: functools.partial(backend.previous, stack, t), earlier
        )
        return step(carry, row, before)

    count = backend.steps(trees.flatten((rows, earlier))[0])
    return (iterate or backend.iterate)(body, start, rows, count, reverse=reverse)
