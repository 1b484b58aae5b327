"""One sweep over all steps of a sequence, by the backend's time loop.

A kernel is another function with the signature of `sweep`.
"""

import functools
from collections.abc import Callable
from typing import Any

from slim_keras.engine import trees
from slim_keras.engine.backends import backend


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
    form: Any = None

    def body(carry, t, row):
        nonlocal form
        before = trees.transform(
            lambda stack: functools.partial(backend.previous, stack, t), earlier
        )
        carry, form = step(
            trees.rebuild(start, carry), trees.rebuild(rows, row), before
        )
        return trees.flatten(carry), trees.flatten(form)

    leaves = trees.flatten(rows)
    carry, stacks = (iterate or backend.iterate)(
        body,
        trees.flatten(start),
        leaves,
        backend.steps((leaves or trees.flatten(earlier))[0]),
        reverse=reverse,
    )
    return trees.rebuild(start, carry), trees.rebuild(form, stacks)
