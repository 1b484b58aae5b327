"""The loop over all steps, by the backend's scan.

`build(a)` makes `step, start` of the named arrays: the carry at the start, and
`step(carry, row, before) -> carry, stacked`. `row` holds the arrays `rows` at this
step, by name; `before[name](first, function)` is `function(a[name][t - 1])`, or
`first` at the first step. Any such loop may stand in the place of this one.
"""

import functools
from collections.abc import Callable, Mapping, Sequence

from slim_keras.engine.backends import primitives
from slim_keras.equations import Array


def loop(
    build: Callable,
    a: Mapping[str, Array],
    rows: Sequence[str],
    before: Sequence[str] = (),
    reverse: bool = False,
    scan: Callable = primitives.scan,
):
    """Runs all steps.

    Args:
        build: Makes the step.
        a: The arrays by name.
        rows: Names of arrays of which a step sees its row.
        before: Names of arrays of which a step sees the row before its own.
        reverse: Whether to start from the last step.
        scan: A loop with the signature of `primitives.scan`.

    Returns:
        The last carry and the list of stacks.
    """
    step, start = build(a)

    def body(carry, t, values):
        earlier = {k: functools.partial(primitives.previous, a[k], t) for k in before}
        return step(carry, dict(zip(rows, values, strict=True)), earlier)

    count = None if rows else primitives.steps(a[before[0]])
    return scan(body, start, [a[name] for name in rows], count=count, reverse=reverse)
